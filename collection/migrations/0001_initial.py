import accounts.create_models
import collection.validators
import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.contrib.postgres.indexes
import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
import pgtrigger.compiler
from decimal import Decimal
from django.conf import settings
from django.db import migrations, models

#: As `collection.models.sight` says it; a test compares.
FUNCTIONS = [
    (
        """
CREATE FUNCTION collection_sees_battery (thing bigint, organizations bigint[], places text[]) RETURNS boolean
LANGUAGE sql STABLE STRICT PARALLEL SAFE COST 200 AS $$
SELECT EXISTS (
    SELECT FROM collection_battery t
    WHERE t.id = thing AND (
        t.producer_id = ANY (organizations)
        OR t.registered_by_id = ANY (organizations)
        OR t.placed_in_id = ANY (places)
    )
    UNION ALL
    SELECT FROM collection_custodyevent t
    LEFT JOIN collection_facility f0 ON f0.id = t.to_facility_id
    WHERE t.battery_id = thing AND (
        t.to_organization_id = ANY (organizations)
        OR t.from_organization_id = ANY (organizations)
        OR f0.operator_id = ANY (organizations)
        OR f0.jurisdiction_id = ANY (places)
    )
    UNION ALL
    SELECT FROM collection_shipmentline t
    JOIN collection_shipment s ON s.id = t.shipment_id
    LEFT JOIN collection_pickup p ON p.shipment_id = s.id
    LEFT JOIN collection_facility f0 ON f0.id = s.origin_id
    LEFT JOIN collection_facility f1 ON f1.id = s.destination_id
    WHERE t.battery_id = thing AND (
        s.shipper_id = ANY (organizations)
        OR s.carrier_id = ANY (organizations)
        OR p.collector_id = ANY (organizations)
        OR f0.operator_id = ANY (organizations)
        OR f0.jurisdiction_id = ANY (places)
        OR f1.operator_id = ANY (organizations)
        OR f1.jurisdiction_id = ANY (places)
    )
    UNION ALL
    SELECT FROM collection_pickupbattery t
    JOIN collection_pickup p ON p.id = t.pickup_id
    JOIN collection_collectionpoint c ON c.id = p.collection_point_id
    LEFT JOIN collection_facility f0 ON f0.id = c.facility_id
    LEFT JOIN collection_facility f1 ON f1.id = p.destination_id
    WHERE t.battery_id = thing AND (
        p.collector_id = ANY (organizations)
        OR p.carrier_id = ANY (organizations)
        OR f0.operator_id = ANY (organizations)
        OR f0.jurisdiction_id = ANY (places)
        OR f1.operator_id = ANY (organizations)
    )
)
$$
        """,
        "DROP FUNCTION collection_sees_battery",
    ),
    (
        """
CREATE FUNCTION collection_sees_lot (thing bigint, organizations bigint[], places text[]) RETURNS boolean
LANGUAGE sql STABLE STRICT PARALLEL SAFE COST 200 AS $$
SELECT EXISTS (
    SELECT FROM collection_lot t
    WHERE t.id = thing AND (
        t.owner_id = ANY (organizations)
    )
    UNION ALL
    SELECT FROM collection_custodyevent t
    LEFT JOIN collection_facility f0 ON f0.id = t.to_facility_id
    WHERE t.lot_id = thing AND (
        t.to_organization_id = ANY (organizations)
        OR t.from_organization_id = ANY (organizations)
        OR f0.operator_id = ANY (organizations)
        OR f0.jurisdiction_id = ANY (places)
    )
    UNION ALL
    SELECT FROM collection_shipmentline t
    JOIN collection_shipment s ON s.id = t.shipment_id
    LEFT JOIN collection_pickup p ON p.shipment_id = s.id
    LEFT JOIN collection_facility f0 ON f0.id = s.origin_id
    LEFT JOIN collection_facility f1 ON f1.id = s.destination_id
    WHERE t.lot_id = thing AND (
        s.shipper_id = ANY (organizations)
        OR s.carrier_id = ANY (organizations)
        OR p.collector_id = ANY (organizations)
        OR f0.operator_id = ANY (organizations)
        OR f0.jurisdiction_id = ANY (places)
        OR f1.operator_id = ANY (organizations)
        OR f1.jurisdiction_id = ANY (places)
    )
)
$$
        """,
        "DROP FUNCTION collection_sees_lot",
    ),
]


class Migration(migrations.Migration):
    """The tables of `collection`, each with its constraints, indexes and triggers.

    The tables of admin and knox come before: what they do to theirs renders anew whatever is related to a user, and
    with this migration that is nearly everything.
    """

    initial = True

    dependencies = [
        ('accounts', '0001_initial'),
        ('admin', '0003_logentry_add_action_flag_choices'),
        ('collection', '0000_extensions'),
        ('knox', '0009_extend_authtoken_field'),
        ('pghistory', '0007_auto_20250421_0444'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        accounts.create_models.CreateModels(
            models=[
                migrations.CreateModel(
                    name='Chemistry',
                    fields=[
                        ('code', models.CharField(max_length=20, primary_key=True, serialize=False, verbose_name='code')),
                        ('name', models.CharField(max_length=100, verbose_name='name')),
                        ('family', models.CharField(choices=[('lithium', 'lithium-based'), ('nimh', 'nickel-metal hydride'), ('sodium', 'sodium-ion'), ('lead', 'lead-acid')], max_length=7, verbose_name='family')),
                        ('source', models.CharField(blank=True, max_length=300, verbose_name='source')),
                        ('confidence', models.CharField(choices=[('S', 'read in the named source'), ('S2', 'read in a weak source only'), ('B-hi', 'common knowledge, about 90 % sure'), ('B-med', 'common knowledge, about 75 % sure'), ('B-lo', 'common knowledge, about 55 % sure')], default='B-lo', max_length=6, verbose_name='confidence')),
                    ],
                    options={
                        'verbose_name': 'chemistry',
                        'verbose_name_plural': 'chemistries',
                        'ordering': ('code',),
                    },
                ),
                migrations.CreateModel(
                    name='Composition',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('version', models.CharField(help_text="Such as “BatPaC 5.2”, or the producer's data sheet for one battery model.", max_length=60, verbose_name='version')),
                        ('pack_kg_per_kwh', models.DecimalField(blank=True, decimal_places=4, help_text='Empty where no source gives it; then contents need the rated energy.', max_digits=8, null=True, verbose_name='pack mass (kg per kWh)')),
                        ('is_default', models.BooleanField(default=False, verbose_name='default of its chemistry')),
                        ('source', models.CharField(max_length=300, verbose_name='source')),
                        ('confidence', models.CharField(choices=[('S', 'read in the named source'), ('S2', 'read in a weak source only'), ('B-hi', 'common knowledge, about 90 % sure'), ('B-med', 'common knowledge, about 75 % sure'), ('B-lo', 'common knowledge, about 55 % sure')], max_length=6, verbose_name='confidence')),
                        ('chemistry', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='compositions', to='collection.chemistry', verbose_name='chemistry')),
                    ],
                    options={
                        'verbose_name': 'composition',
                        'verbose_name_plural': 'compositions',
                        'ordering': ('chemistry', 'version'),
                        'constraints': [models.UniqueConstraint(fields=('chemistry', 'version'), name='composition_once_per_version'), models.UniqueConstraint(condition=models.Q(('is_default', True)), fields=('chemistry',), name='composition_one_default_per_chemistry'), models.CheckConstraint(condition=models.Q(('pack_kg_per_kwh__gt', 0)), name='composition_pack_mass_positive')],
                    },
                ),
                migrations.CreateModel(
                    name='CompositionElement',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('element', models.CharField(choices=[('Li', 'lithium'), ('Ni', 'nickel'), ('Co', 'cobalt'), ('Mn', 'manganese'), ('Cu', 'copper'), ('Al', 'aluminum'), ('Fe', 'iron and steel'), ('graphite', 'graphite'), ('P', 'phosphorus'), ('REE', 'rare earths')], max_length=8, verbose_name='element')),
                        ('kg_per_kwh', models.DecimalField(decimal_places=6, max_digits=9, verbose_name='kg per kWh')),
                        ('composition', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='elements', to='collection.composition', verbose_name='composition')),
                    ],
                    options={
                        'verbose_name': 'element of a composition',
                        'verbose_name_plural': 'elements of a composition',
                        'ordering': ('composition', 'element'),
                        'constraints': [models.UniqueConstraint(fields=('composition', 'element'), name='composition_element_once'), models.CheckConstraint(condition=models.Q(('kg_per_kwh__gte', 0), ('kg_per_kwh__lt', 100)), name='composition_element_plausible'), models.CheckConstraint(condition=models.Q(('element__in', ['Li', 'Ni', 'Co', 'Mn', 'Cu', 'Al', 'Fe', 'graphite', 'P', 'REE'])), name='composition_element_known')],
                    },
                ),
                migrations.CreateModel(
                    name='Jurisdiction',
                    fields=[
                        ('code', models.CharField(max_length=6, primary_key=True, serialize=False, verbose_name='ISO 3166 code')),
                        ('name', models.CharField(max_length=100, verbose_name='name')),
                        ('kind', models.CharField(choices=[('country', 'country'), ('state', 'state'), ('province', 'province'), ('district', 'district'), ('territory', 'territory')], max_length=9, verbose_name='kind')),
                        ('time_zone', models.CharField(help_text='Default for facilities that are entered without a time zone of their own.', max_length=40, validators=[collection.validators.validate_time_zone], verbose_name='usual time zone')),
                        ('parent', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='children', to='collection.jurisdiction', verbose_name='part of')),
                    ],
                    options={
                        'verbose_name': 'jurisdiction',
                        'verbose_name_plural': 'jurisdictions',
                        'ordering': ('code',),
                        'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('code__regex', '^[A-Z]{2}$'), ('kind', 'country'), ('parent__isnull', True)), models.Q(models.Q(('kind', 'country'), _negated=True), ('code__regex', '^[A-Z]{2}-[A-Z0-9]{1,3}$'), ('code__startswith', models.F('parent')), ('parent__isnull', False)), _connector='OR'), name='jurisdiction_code_fits_kind')],
                    },
                ),
                migrations.CreateModel(
                    name='Mandate',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('jurisdiction', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='mandates', to='collection.jurisdiction', verbose_name='jurisdiction')),
                        ('organization', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='mandates', to='accounts.organization', verbose_name='regulator')),
                    ],
                    options={
                        'verbose_name': 'mandate',
                        'verbose_name_plural': 'mandates',
                        'constraints': [models.UniqueConstraint(fields=('organization', 'jurisdiction'), name='mandate_once_per_jurisdiction')],
                        'triggers': [pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "collection_mandateevent" ("id", "jurisdiction_id", "organization_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (NEW."id", NEW."jurisdiction_id", NEW."organization_id", _pgh_attach_context(), NOW(), \'insert\', NEW."id"); RETURN NULL;', hash='e38f6bd74b01e75deaeb9391639ada4fd721238e', operation='INSERT', pgid='pgtrigger_insert_insert_cfffd', table='collection_mandate', when='AFTER')), pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "collection_mandateevent" ("id", "jurisdiction_id", "organization_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (NEW."id", NEW."jurisdiction_id", NEW."organization_id", _pgh_attach_context(), NOW(), \'update\', NEW."id"); RETURN NULL;', hash='ab3e7cfa468db6a692906b2249f00acb0188ca74', operation='UPDATE', pgid='pgtrigger_update_update_13c0a', table='collection_mandate', when='AFTER'))],
                    },
                ),
                migrations.CreateModel(
                    name='MandateEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('jurisdiction', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='collection.jurisdiction', verbose_name='jurisdiction')),
                        ('organization', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='accounts.organization', verbose_name='regulator')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='collection.mandate')),
                    ],
                    options={
                        'abstract': False,
                    },
                ),
                migrations.CreateModel(
                    name='Facility',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('name', models.CharField(max_length=200, verbose_name='name')),
                        ('address', models.CharField(blank=True, max_length=200, verbose_name='street address')),
                        ('locality', models.CharField(blank=True, max_length=100, verbose_name='locality')),
                        ('postal_code', models.CharField(blank=True, max_length=10, verbose_name='postal code')),
                        ('latitude', models.DecimalField(blank=True, decimal_places=5, max_digits=8, null=True, validators=[django.core.validators.MinValueValidator(-90), django.core.validators.MaxValueValidator(90)], verbose_name='latitude')),
                        ('longitude', models.DecimalField(blank=True, decimal_places=5, max_digits=8, null=True, validators=[django.core.validators.MinValueValidator(-180), django.core.validators.MaxValueValidator(180)], verbose_name='longitude')),
                        ('time_zone', models.CharField(max_length=40, validators=[collection.validators.validate_time_zone], verbose_name='time zone')),
                        ('storage_limit_kg', models.DecimalField(blank=True, decimal_places=3, help_text='Most that may be on site by permit. Empty: no limit is known.', max_digits=12, null=True, verbose_name='storage limit (kg)')),
                        ('source', models.CharField(blank=True, max_length=300, verbose_name='source')),
                        ('confidence', models.CharField(blank=True, choices=[('S', 'read in the named source'), ('S2', 'read in a weak source only'), ('B-hi', 'common knowledge, about 90 % sure'), ('B-med', 'common knowledge, about 75 % sure'), ('B-lo', 'common knowledge, about 55 % sure')], max_length=6, verbose_name='confidence')),
                        ('is_simulated', models.BooleanField(default=False, verbose_name='simulated')),
                        ('operator', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='facilities', to='accounts.organization', verbose_name='operator')),
                        ('jurisdiction', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='facilities', to='collection.jurisdiction', verbose_name='jurisdiction')),
                    ],
                    options={
                        'verbose_name': 'facility',
                        'verbose_name_plural': 'facilities',
                        'ordering': ('name', 'pk'),
                        'constraints': [models.UniqueConstraint(fields=('operator', 'name'), name='facility_name_once_per_operator'), models.CheckConstraint(condition=models.Q(models.Q(('latitude__isnull', True), ('longitude__isnull', True)), models.Q(('latitude__isnull', False), ('latitude__range', (-90, 90)), ('longitude__isnull', False), ('longitude__range', (-180, 180))), _connector='OR'), name='facility_coordinates_on_earth'), models.CheckConstraint(condition=models.Q(('storage_limit_kg__gt', 0)), name='facility_storage_limit_positive')],
                        'triggers': [pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "collection_facilityevent" ("address", "confidence", "id", "is_simulated", "jurisdiction_id", "latitude", "locality", "longitude", "name", "operator_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "postal_code", "source", "storage_limit_kg", "time_zone") VALUES (NEW."address", NEW."confidence", NEW."id", NEW."is_simulated", NEW."jurisdiction_id", NEW."latitude", NEW."locality", NEW."longitude", NEW."name", NEW."operator_id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."postal_code", NEW."source", NEW."storage_limit_kg", NEW."time_zone"); RETURN NULL;', hash='419a346d43a683a2f106a3f8637ddf46e2d1ebaa', operation='INSERT', pgid='pgtrigger_insert_insert_98be8', table='collection_facility', when='AFTER')), pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "collection_facilityevent" ("address", "confidence", "id", "is_simulated", "jurisdiction_id", "latitude", "locality", "longitude", "name", "operator_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "postal_code", "source", "storage_limit_kg", "time_zone") VALUES (NEW."address", NEW."confidence", NEW."id", NEW."is_simulated", NEW."jurisdiction_id", NEW."latitude", NEW."locality", NEW."longitude", NEW."name", NEW."operator_id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."postal_code", NEW."source", NEW."storage_limit_kg", NEW."time_zone"); RETURN NULL;', hash='905c671d1ba905adf93be05549eead04612b88f6', operation='UPDATE', pgid='pgtrigger_update_update_9c229', table='collection_facility', when='AFTER'))],
                    },
                ),
                migrations.CreateModel(
                    name='FacilityEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('name', models.CharField(max_length=200, verbose_name='name')),
                        ('address', models.CharField(blank=True, max_length=200, verbose_name='street address')),
                        ('locality', models.CharField(blank=True, max_length=100, verbose_name='locality')),
                        ('postal_code', models.CharField(blank=True, max_length=10, verbose_name='postal code')),
                        ('latitude', models.DecimalField(blank=True, decimal_places=5, max_digits=8, null=True, validators=[django.core.validators.MinValueValidator(-90), django.core.validators.MaxValueValidator(90)], verbose_name='latitude')),
                        ('longitude', models.DecimalField(blank=True, decimal_places=5, max_digits=8, null=True, validators=[django.core.validators.MinValueValidator(-180), django.core.validators.MaxValueValidator(180)], verbose_name='longitude')),
                        ('time_zone', models.CharField(max_length=40, validators=[collection.validators.validate_time_zone], verbose_name='time zone')),
                        ('storage_limit_kg', models.DecimalField(blank=True, decimal_places=3, help_text='Most that may be on site by permit. Empty: no limit is known.', max_digits=12, null=True, verbose_name='storage limit (kg)')),
                        ('source', models.CharField(blank=True, max_length=300, verbose_name='source')),
                        ('confidence', models.CharField(blank=True, choices=[('S', 'read in the named source'), ('S2', 'read in a weak source only'), ('B-hi', 'common knowledge, about 90 % sure'), ('B-med', 'common knowledge, about 75 % sure'), ('B-lo', 'common knowledge, about 55 % sure')], max_length=6, verbose_name='confidence')),
                        ('is_simulated', models.BooleanField(default=False, verbose_name='simulated')),
                        ('operator', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='accounts.organization', verbose_name='operator')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='collection.facility')),
                        ('jurisdiction', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='collection.jurisdiction', verbose_name='jurisdiction')),
                    ],
                    options={
                        'abstract': False,
                    },
                ),
                migrations.CreateModel(
                    name='Permit',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('kind', models.CharField(choices=[('universal_waste', 'universal waste handler'), ('hazardous_waste', 'hazardous waste treatment'), ('recycling', 'recycling'), ('storage', 'storage'), ('transport', 'transport')], max_length=16, verbose_name='kind')),
                        ('number', models.CharField(max_length=60, verbose_name='number')),
                        ('valid', django.contrib.postgres.fields.ranges.DateRangeField(verbose_name='valid')),
                        ('source', models.CharField(blank=True, max_length=300, verbose_name='source')),
                        ('facility', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='permits', to='collection.facility', verbose_name='facility')),
                    ],
                    options={
                        'verbose_name': 'permit',
                        'verbose_name_plural': 'permits',
                        'constraints': [django.contrib.postgres.constraints.ExclusionConstraint(expressions=[('facility', '='), ('kind', '='), ('valid', '&&')], name='permit_periods_apart')],
                        'triggers': [pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "collection_permitevent" ("facility_id", "id", "kind", "number", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "source", "valid") VALUES (NEW."facility_id", NEW."id", NEW."kind", NEW."number", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."source", NEW."valid"); RETURN NULL;', hash='77c28d5e9b92fe9e00c91d89149b1278f06cfe85', operation='INSERT', pgid='pgtrigger_insert_insert_28f3b', table='collection_permit', when='AFTER')), pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "collection_permitevent" ("facility_id", "id", "kind", "number", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "source", "valid") VALUES (NEW."facility_id", NEW."id", NEW."kind", NEW."number", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."source", NEW."valid"); RETURN NULL;', hash='62e523f441fca1c07c70ec91d6e16ef52da74578', operation='UPDATE', pgid='pgtrigger_update_update_9dbe2', table='collection_permit', when='AFTER'))],
                    },
                ),
                migrations.CreateModel(
                    name='PermitEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('kind', models.CharField(choices=[('universal_waste', 'universal waste handler'), ('hazardous_waste', 'hazardous waste treatment'), ('recycling', 'recycling'), ('storage', 'storage'), ('transport', 'transport')], max_length=16, verbose_name='kind')),
                        ('number', models.CharField(max_length=60, verbose_name='number')),
                        ('valid', django.contrib.postgres.fields.ranges.DateRangeField(verbose_name='valid')),
                        ('source', models.CharField(blank=True, max_length=300, verbose_name='source')),
                        ('facility', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='collection.facility', verbose_name='facility')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='collection.permit')),
                    ],
                    options={
                        'abstract': False,
                    },
                ),
                migrations.CreateModel(
                    name='CollectionPoint',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('kind', models.CharField(choices=[('salvage_yard', 'salvage yard'), ('dealer', 'dealer'), ('dismantler', 'dismantler'), ('fleet', 'fleet'), ('municipal', 'municipal site'), ('other', 'other')], max_length=12, verbose_name='kind')),
                        ('contact', models.CharField(blank=True, max_length=200, verbose_name='contact')),
                        ('notes', models.TextField(blank=True, verbose_name='access notes')),
                        ('is_active', models.BooleanField(default=True, verbose_name='active')),
                        ('source_key', models.CharField(blank=True, help_text='Recognizes the row of an imported list when it is sent again.', max_length=200, null=True, unique=True, verbose_name='key in the source')),
                        ('facility', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='collection_point', to='collection.facility', verbose_name='facility')),
                    ],
                    options={
                        'verbose_name': 'collection point',
                        'verbose_name_plural': 'collection points',
                        'ordering': ('facility__name', 'pk'),
                        'triggers': [pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "collection_collectionpointevent" ("contact", "facility_id", "id", "is_active", "kind", "notes", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "source_key") VALUES (NEW."contact", NEW."facility_id", NEW."id", NEW."is_active", NEW."kind", NEW."notes", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."source_key"); RETURN NULL;', hash='fdca48f8e91083c0332391e1706f449e157874ed', operation='INSERT', pgid='pgtrigger_insert_insert_a4b2d', table='collection_collectionpoint', when='AFTER')), pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "collection_collectionpointevent" ("contact", "facility_id", "id", "is_active", "kind", "notes", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "source_key") VALUES (NEW."contact", NEW."facility_id", NEW."id", NEW."is_active", NEW."kind", NEW."notes", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."source_key"); RETURN NULL;', hash='8f9816bb7b675bcdf47377c6b7bbeceb1fa31ede', operation='UPDATE', pgid='pgtrigger_update_update_4b399', table='collection_collectionpoint', when='AFTER'))],
                    },
                ),
                migrations.CreateModel(
                    name='CollectionPointEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('kind', models.CharField(choices=[('salvage_yard', 'salvage yard'), ('dealer', 'dealer'), ('dismantler', 'dismantler'), ('fleet', 'fleet'), ('municipal', 'municipal site'), ('other', 'other')], max_length=12, verbose_name='kind')),
                        ('contact', models.CharField(blank=True, max_length=200, verbose_name='contact')),
                        ('notes', models.TextField(blank=True, verbose_name='access notes')),
                        ('is_active', models.BooleanField(default=True, verbose_name='active')),
                        ('source_key', models.CharField(blank=True, help_text='Recognizes the row of an imported list when it is sent again.', max_length=200, null=True, verbose_name='key in the source')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='collection.collectionpoint')),
                        ('facility', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='collection.facility', verbose_name='facility')),
                    ],
                    options={
                        'abstract': False,
                    },
                ),
                migrations.CreateModel(
                    name='BatteryModel',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('code', models.CharField(max_length=80, unique=True, verbose_name='code')),
                        ('name', models.CharField(max_length=150, verbose_name='name')),
                        ('rated_kwh', models.DecimalField(blank=True, decimal_places=3, max_digits=8, null=True, verbose_name='rated energy (kWh)')),
                        ('mass_kg', models.DecimalField(blank=True, decimal_places=3, max_digits=9, null=True, verbose_name='mass (kg)')),
                        ('form', models.CharField(choices=[('pack', 'pack'), ('module', 'module'), ('cell', 'cell')], default='pack', max_length=6, verbose_name='form')),
                        ('drive', models.CharField(choices=[('BEV', 'battery electric'), ('PHEV', 'plug-in hybrid'), ('HEV', 'hybrid'), ('FCEV', 'fuel cell')], default='BEV', max_length=4, verbose_name='drive')),
                        ('year_from', models.PositiveSmallIntegerField(blank=True, null=True, verbose_name='model year from')),
                        ('year_to', models.PositiveSmallIntegerField(blank=True, null=True, verbose_name='model year to')),
                        ('source', models.CharField(blank=True, max_length=300, verbose_name='source')),
                        ('confidence', models.CharField(choices=[('S', 'read in the named source'), ('S2', 'read in a weak source only'), ('B-hi', 'common knowledge, about 90 % sure'), ('B-med', 'common knowledge, about 75 % sure'), ('B-lo', 'common knowledge, about 55 % sure')], max_length=6, verbose_name='confidence')),
                        ('producer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='battery_models', to='accounts.organization', verbose_name='producer')),
                        ('chemistry', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='battery_models', to='collection.chemistry', verbose_name='chemistry')),
                        ('composition', models.ForeignKey(blank=True, help_text='Overrides the default composition of the chemistry.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='battery_models', to='collection.composition', verbose_name='own composition')),
                    ],
                    options={
                        'verbose_name': 'battery model',
                        'verbose_name_plural': 'battery models',
                        'ordering': ('name', 'pk'),
                        'constraints': [models.CheckConstraint(condition=models.Q(('rated_kwh__gt', 0)), name='battery_model_energy_positive'), models.CheckConstraint(condition=models.Q(('mass_kg__gt', 0)), name='battery_model_mass_positive')],
                    },
                ),
                migrations.CreateModel(
                    name='Battery',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('rated_kwh', models.DecimalField(blank=True, decimal_places=3, max_digits=8, null=True, verbose_name='rated energy (kWh)')),
                        ('content_kwh', models.DecimalField(blank=True, decimal_places=6, editable=False, max_digits=12, null=True, verbose_name='energy that contents are computed from (kWh)')),
                        ('mass_value', models.DecimalField(blank=True, decimal_places=3, max_digits=12, null=True, verbose_name='mass')),
                        ('mass_unit', models.CharField(choices=[('g', 'g'), ('kg', 'kg'), ('t', 't'), ('lb', 'lb'), ('short_ton', 'short ton')], default='kg', max_length=9, verbose_name='unit')),
                        ('mass_kg', models.GeneratedField(db_persist=True, expression=models.Case(models.When(mass_unit='g', then=django.db.models.expressions.CombinedExpression(models.F('mass_value'), '*', models.Value(Decimal('0.001')))), models.When(mass_unit='kg', then=django.db.models.expressions.CombinedExpression(models.F('mass_value'), '*', models.Value(Decimal('1')))), models.When(mass_unit='t', then=django.db.models.expressions.CombinedExpression(models.F('mass_value'), '*', models.Value(Decimal('1000')))), models.When(mass_unit='lb', then=django.db.models.expressions.CombinedExpression(models.F('mass_value'), '*', models.Value(Decimal('0.45359237')))), models.When(mass_unit='short_ton', then=django.db.models.expressions.CombinedExpression(models.F('mass_value'), '*', models.Value(Decimal('907.18474'))))), output_field=models.DecimalField(decimal_places=11, max_digits=20), verbose_name='mass (kg)')),
                        ('form', models.CharField(choices=[('pack', 'pack'), ('module', 'module'), ('cell', 'cell')], default='pack', max_length=6, verbose_name='form')),
                        ('placed_on', models.DateField(blank=True, null=True, verbose_name='placed on the market on')),
                        ('condition', models.CharField(choices=[('intact', 'intact'), ('damaged', 'damaged'), ('defective', 'defective'), ('recalled', 'recalled')], default='intact', max_length=9, verbose_name='condition')),
                        ('state_of_health', models.DecimalField(blank=True, decimal_places=3, help_text='Share of the rated capacity that is left, 0 to 1.', max_digits=4, null=True, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(1)], verbose_name='state of health')),
                        ('status', models.CharField(choices=[('in_use', 'in use'), ('at_facility', 'at a facility'), ('in_transit', 'in transit'), ('consumed', 'charged into a batch'), ('second_life', 'released to a further use'), ('lost', 'lost or destroyed')], default='in_use', editable=False, max_length=11, verbose_name='status')),
                        ('registered_at', models.DateTimeField(auto_now_add=True, verbose_name='registered at')),
                        ('is_simulated', models.BooleanField(default=False, verbose_name='simulated')),
                        ('producer', models.ForeignKey(blank=True, db_index=False, help_text='Empty: an orphan, whose producer is not known.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='produced_batteries', to='accounts.organization', verbose_name='producer')),
                        ('registered_by', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='registered_batteries', to='accounts.organization', verbose_name='registered by')),
                        ('model', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='batteries', to='collection.batterymodel', verbose_name='battery model')),
                        ('chemistry', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='batteries', to='collection.chemistry', verbose_name='chemistry')),
                        ('composition', models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='batteries', to='collection.composition', verbose_name='composition')),
                        ('facility', models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='batteries', to='collection.facility', verbose_name='at')),
                        ('placed_in', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='batteries', to='collection.jurisdiction', verbose_name='placed on the market in')),
                        ('shipment', models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='batteries', to='collection.shipment', verbose_name='on shipment')),
                    ],
                    options={
                        'verbose_name': 'battery',
                        'verbose_name_plural': 'batteries',
                        'ordering': ('-pk',),
                        'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('facility__isnull', False), ('shipment__isnull', True), ('status', 'at_facility')), models.Q(('facility__isnull', True), ('shipment__isnull', False), ('status', 'in_transit')), models.Q(('status__in', ['in_use', 'consumed', 'second_life', 'lost']), ('facility__isnull', True), ('shipment__isnull', True)), _connector='OR'), name='battery_in_one_place'), models.CheckConstraint(condition=models.Q(('mass_value__gt', 0)), name='battery_mass_positive'), models.CheckConstraint(condition=models.Q(('mass_unit__in', ['g', 'kg', 't', 'lb', 'short_ton'])), name='battery_unit_known'), models.CheckConstraint(condition=models.Q(('rated_kwh__gt', 0)), name='battery_energy_positive'), models.CheckConstraint(condition=models.Q(('content_kwh__isnull', True), models.Q(('composition__isnull', False), ('content_kwh__gt', 0)), _connector='OR'), name='battery_content_has_composition'), models.CheckConstraint(condition=models.Q(('state_of_health__gte', 0), ('state_of_health__lte', 1)), name='battery_state_of_health_share'), models.CheckConstraint(condition=models.Q(('condition__in', ['intact', 'damaged', 'defective', 'recalled'])), name='battery_condition_known')],
                        'indexes': [models.Index(fields=['facility', 'status'], name='battery_at'), models.Index(fields=['producer', 'placed_in'], name='battery_placed'), models.Index(fields=['producer', 'id'], name='battery_of_producer'), models.Index(fields=['registered_by', 'id'], name='battery_registered_by'), models.Index(fields=['placed_in', 'id'], name='battery_placed_in'), models.Index(fields=['status', 'id'], name='battery_in_status'), models.Index(condition=models.Q(('condition', 'intact'), _negated=True), fields=['condition', 'id'], name='battery_not_intact')],
                        'triggers': [pgtrigger.compiler.Trigger(name='status_moves', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE _is_valid_transition BOOLEAN;', func='SELECT CONCAT(OLD."status", \':\', NEW."status") = ANY(\'{in_use:at_facility,at_facility:in_transit,in_transit:at_facility,at_facility:consumed,consumed:at_facility,at_facility:second_life,second_life:at_facility,at_facility:lost,in_transit:lost,lost:at_facility}\'::text[]) INTO _is_valid_transition; IF (_is_valid_transition IS FALSE AND OLD."status" IS DISTINCT FROM NEW."status") THEN RAISE EXCEPTION \'pgtrigger: Invalid transition of field "status" from "%" to "%" on table %\', OLD."status", NEW."status", TG_TABLE_NAME; ELSE RETURN NEW; END IF;', hash='6d6e251d4a4b76aa69e91844d7b1d16ed0a6a640', operation='UPDATE', pgid='pgtrigger_status_moves_ebd99', table='collection_battery', when='BEFORE')), pgtrigger.compiler.Trigger(name='corrected_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."chemistry_id" IS DISTINCT FROM (NEW."chemistry_id") OR OLD."composition_id" IS DISTINCT FROM (NEW."composition_id") OR OLD."content_kwh" IS DISTINCT FROM (NEW."content_kwh") OR OLD."mass_unit" IS DISTINCT FROM (NEW."mass_unit") OR OLD."mass_value" IS DISTINCT FROM (NEW."mass_value") OR OLD."model_id" IS DISTINCT FROM (NEW."model_id") OR OLD."placed_in_id" IS DISTINCT FROM (NEW."placed_in_id") OR OLD."placed_on" IS DISTINCT FROM (NEW."placed_on") OR OLD."producer_id" IS DISTINCT FROM (NEW."producer_id") OR OLD."rated_kwh" IS DISTINCT FROM (NEW."rated_kwh"))', func='INSERT INTO "collection_batteryhistory" ("chemistry_id", "composition_id", "content_kwh", "mass_unit", "mass_value", "model_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "placed_in_id", "placed_on", "producer_id", "rated_kwh") VALUES (NEW."chemistry_id", NEW."composition_id", NEW."content_kwh", NEW."mass_unit", NEW."mass_value", NEW."model_id", _pgh_attach_context(), NOW(), \'corrected\', NEW."id", NEW."placed_in_id", NEW."placed_on", NEW."producer_id", NEW."rated_kwh"); RETURN NULL;', hash='733afe88d0d7a29fb0b51cbbb4b4af9c2db15840', operation='UPDATE', pgid='pgtrigger_corrected_update_d0759', table='collection_battery', when='AFTER'))],
                    },
                ),
                migrations.CreateModel(
                    name='BatteryHistory',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('placed_on', models.DateField(blank=True, null=True, verbose_name='placed on the market on')),
                        ('rated_kwh', models.DecimalField(blank=True, decimal_places=3, max_digits=8, null=True, verbose_name='rated energy (kWh)')),
                        ('content_kwh', models.DecimalField(blank=True, decimal_places=6, editable=False, max_digits=12, null=True, verbose_name='energy that contents are computed from (kWh)')),
                        ('mass_value', models.DecimalField(blank=True, decimal_places=3, max_digits=12, null=True, verbose_name='mass')),
                        ('mass_unit', models.CharField(choices=[('g', 'g'), ('kg', 'kg'), ('t', 't'), ('lb', 'lb'), ('short_ton', 'short ton')], default='kg', max_length=9, verbose_name='unit')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='model_producer_chemistry_composition_placed_in_placed_on_rated_kwh_content_kwh_mass_value_mass_unit_events', to='collection.battery')),
                        ('producer', models.ForeignKey(blank=True, db_constraint=False, help_text='Empty: an orphan, whose producer is not known.', null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='accounts.organization', verbose_name='producer')),
                        ('model', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='collection.batterymodel', verbose_name='battery model')),
                        ('chemistry', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='collection.chemistry', verbose_name='chemistry')),
                        ('composition', models.ForeignKey(blank=True, db_constraint=False, editable=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='collection.composition', verbose_name='composition')),
                        ('placed_in', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='collection.jurisdiction', verbose_name='placed on the market in')),
                    ],
                    options={
                        'abstract': False,
                    },
                ),
                migrations.CreateModel(
                    name='Identifier',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('scheme', models.CharField(choices=[('vin', 'vehicle identification number'), ('oem_serial', "manufacturer's serial number"), ('sgtin', 'GS1 SGTIN'), ('giai', 'GS1 GIAI'), ('gbt34014', 'GB/T 34014 code'), ('carb', 'CARB digital identifier'), ('internal', 'internal number')], max_length=10, verbose_name='scheme')),
                        ('issuer', models.CharField(blank=True, help_text='Who gave the number; empty for a VIN.', max_length=100, verbose_name='issuer')),
                        ('value', models.CharField(max_length=100, verbose_name='value')),
                        ('battery', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='identifiers', to='collection.battery', verbose_name='battery')),
                    ],
                    options={
                        'verbose_name': 'identifier',
                        'verbose_name_plural': 'identifiers',
                        'ordering': ('pk',),
                        'constraints': [models.UniqueConstraint(fields=('scheme', 'issuer', 'value'), name='identifier_once'), models.CheckConstraint(condition=models.Q(('value', ''), _negated=True), name='identifier_not_empty'), models.CheckConstraint(condition=models.Q(models.Q(('scheme', 'vin'), _negated=True), models.Q(('issuer', ''), ('value__regex', '^[A-HJ-NPR-Z0-9]{17}$')), _connector='OR'), name='identifier_vin_form')],
                        'indexes': [models.Index(models.Func(models.F('value'), models.Value('abcdefghijklmnopqrstuvwxyz -'), models.Value('ABCDEFGHIJKLMNOPQRSTUVWXYZ'), function='translate', output_field=models.CharField()), name='identifier_searched')],
                    },
                ),
                migrations.CreateModel(
                    name='Material',
                    fields=[
                        ('code', models.CharField(max_length=40, primary_key=True, serialize=False, verbose_name='code')),
                        ('name', models.CharField(max_length=100, verbose_name='name')),
                        ('kind', models.CharField(choices=[('product', 'product'), ('intermediate', 'intermediate'), ('residue', 'residue'), ('energy', 'energy')], max_length=12, verbose_name='kind')),
                        ('source', models.CharField(blank=True, max_length=300, verbose_name='source')),
                        ('confidence', models.CharField(choices=[('S', 'read in the named source'), ('S2', 'read in a weak source only'), ('B-hi', 'common knowledge, about 90 % sure'), ('B-med', 'common knowledge, about 75 % sure'), ('B-lo', 'common knowledge, about 55 % sure')], default='S', max_length=6, verbose_name='confidence')),
                    ],
                    options={
                        'verbose_name': 'material',
                        'verbose_name_plural': 'materials',
                        'ordering': ('kind', 'name'),
                        'constraints': [models.CheckConstraint(condition=models.Q(('kind__in', ['product', 'intermediate', 'residue', 'energy'])), name='material_kind_known')],
                    },
                ),
                migrations.CreateModel(
                    name='MaterialElement',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('element', models.CharField(choices=[('Li', 'lithium'), ('Ni', 'nickel'), ('Co', 'cobalt'), ('Mn', 'manganese'), ('Cu', 'copper'), ('Al', 'aluminum'), ('Fe', 'iron and steel'), ('graphite', 'graphite'), ('P', 'phosphorus'), ('REE', 'rare earths')], max_length=8, verbose_name='element')),
                        ('fraction', models.DecimalField(decimal_places=8, max_digits=9, verbose_name='mass fraction')),
                        ('material', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='elements', to='collection.material', verbose_name='material')),
                    ],
                    options={
                        'verbose_name': 'element of a material',
                        'verbose_name_plural': 'elements of a material',
                        'ordering': ('material', 'element'),
                        'constraints': [models.UniqueConstraint(fields=('material', 'element'), name='material_element_once'), models.CheckConstraint(condition=models.Q(('fraction__gt', 0), ('fraction__lte', 1)), name='material_element_is_fraction')],
                    },
                ),
                migrations.CreateModel(
                    name='Lot',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('number', models.CharField(max_length=60, verbose_name='lot number')),
                        ('mass_value', models.DecimalField(decimal_places=3, max_digits=12, verbose_name='mass')),
                        ('mass_unit', models.CharField(choices=[('g', 'g'), ('kg', 'kg'), ('t', 't'), ('lb', 'lb'), ('short_ton', 'short ton')], default='kg', max_length=9, verbose_name='unit')),
                        ('mass_kg', models.GeneratedField(db_persist=True, expression=models.Case(models.When(mass_unit='g', then=django.db.models.expressions.CombinedExpression(models.F('mass_value'), '*', models.Value(Decimal('0.001')))), models.When(mass_unit='kg', then=django.db.models.expressions.CombinedExpression(models.F('mass_value'), '*', models.Value(Decimal('1')))), models.When(mass_unit='t', then=django.db.models.expressions.CombinedExpression(models.F('mass_value'), '*', models.Value(Decimal('1000')))), models.When(mass_unit='lb', then=django.db.models.expressions.CombinedExpression(models.F('mass_value'), '*', models.Value(Decimal('0.45359237')))), models.When(mass_unit='short_ton', then=django.db.models.expressions.CombinedExpression(models.F('mass_value'), '*', models.Value(Decimal('907.18474'))))), output_field=models.DecimalField(decimal_places=11, max_digits=20), verbose_name='mass (kg)')),
                        ('moisture', models.DecimalField(decimal_places=4, default=0, help_text='Mass fraction of water, 0 to 1. Assays are of the dry mass.', max_digits=5, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(1)], verbose_name='moisture')),
                        ('status', models.CharField(choices=[('in_stock', 'in stock'), ('in_transit', 'in transit'), ('consumed', 'charged into a batch'), ('split', 'split into other lots'), ('sold', 'sold'), ('landfilled', 'landfilled'), ('mineralized', 'carbon mineralization'), ('energy_recovered', 'energy recovery'), ('lost', 'lost or destroyed'), ('void', 'void')], default='in_stock', editable=False, max_length=16, verbose_name='status')),
                        ('origin', models.CharField(blank=True, help_text='Where it came from, if not from a batch: a supplier of scrap or black mass from outside.', max_length=200, verbose_name='origin')),
                        ('made_at', models.DateTimeField(verbose_name='made at')),
                        ('is_simulated', models.BooleanField(default=False, verbose_name='simulated')),
                        ('facility', models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='lots', to='collection.facility', verbose_name='at')),
                        ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='lots', to='accounts.organization', verbose_name='owner')),
                        ('split_from', models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='parts', to='collection.lot', verbose_name='split from')),
                        ('material', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='lots', to='collection.material', verbose_name='material')),
                        ('shipment', models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='lots', to='collection.shipment', verbose_name='on shipment')),
                    ],
                    options={
                        'verbose_name': 'lot',
                        'verbose_name_plural': 'lots',
                        'ordering': ('-pk',),
                        'constraints': [models.UniqueConstraint(fields=('owner', 'number'), name='lot_number_once_per_owner'), models.CheckConstraint(condition=models.Q(('mass_value__gt', 0)), name='lot_mass_positive'), models.CheckConstraint(condition=models.Q(('mass_unit__in', ['g', 'kg', 't', 'lb', 'short_ton'])), name='lot_unit_known'), models.CheckConstraint(condition=models.Q(('moisture__gte', 0), ('moisture__lt', 1)), name='lot_moisture_is_fraction'), models.CheckConstraint(condition=models.Q(models.Q(('facility__isnull', False), ('shipment__isnull', True), ('status', 'in_stock')), models.Q(('facility__isnull', True), ('shipment__isnull', False), ('status', 'in_transit')), models.Q(models.Q(('status__in', ['in_stock', 'in_transit']), _negated=True), ('facility__isnull', True), ('shipment__isnull', True)), _connector='OR'), name='lot_in_one_place'), models.CheckConstraint(condition=models.Q(('split_from', models.F('pk')), _negated=True), name='lot_not_split_from_itself')],
                        'triggers': [pgtrigger.compiler.Trigger(name='status_moves', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE _is_valid_transition BOOLEAN;', func='SELECT CONCAT(OLD."status", \':\', NEW."status") = ANY(\'{in_stock:in_transit,in_transit:in_stock,in_stock:consumed,consumed:in_stock,in_stock:split,in_stock:void,in_stock:sold,in_stock:landfilled,in_stock:mineralized,in_stock:energy_recovered,in_stock:lost,sold:in_stock,landfilled:in_stock,mineralized:in_stock,energy_recovered:in_stock,lost:in_stock,in_transit:lost}\'::text[]) INTO _is_valid_transition; IF (_is_valid_transition IS FALSE AND OLD."status" IS DISTINCT FROM NEW."status") THEN RAISE EXCEPTION \'pgtrigger: Invalid transition of field "status" from "%" to "%" on table %\', OLD."status", NEW."status", TG_TABLE_NAME; ELSE RETURN NEW; END IF;', hash='6824e8044fb98786ef86a6869d1911e0164d1ef5', operation='UPDATE', pgid='pgtrigger_status_moves_7a568', table='collection_lot', when='BEFORE')), pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."mass_unit" IS DISTINCT FROM (NEW."mass_unit") OR OLD."mass_value" IS DISTINCT FROM (NEW."mass_value") OR OLD."moisture" IS DISTINCT FROM (NEW."moisture") OR OLD."status" IS DISTINCT FROM (NEW."status"))', func='INSERT INTO "collection_lothistory" ("mass_unit", "mass_value", "moisture", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "status") VALUES (NEW."mass_unit", NEW."mass_value", NEW."moisture", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."status"); RETURN NULL;', hash='53d9fab4d676e71cee8ac135de5aa15c3787582e', operation='UPDATE', pgid='pgtrigger_update_update_afbb4', table='collection_lot', when='AFTER'))],
                        'indexes': [models.Index(fields=['number'], name='lot_number')],
                    },
                ),
                migrations.CreateModel(
                    name='LotHistory',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('status', models.CharField(choices=[('in_stock', 'in stock'), ('in_transit', 'in transit'), ('consumed', 'charged into a batch'), ('split', 'split into other lots'), ('sold', 'sold'), ('landfilled', 'landfilled'), ('mineralized', 'carbon mineralization'), ('energy_recovered', 'energy recovery'), ('lost', 'lost or destroyed'), ('void', 'void')], default='in_stock', editable=False, max_length=16, verbose_name='status')),
                        ('mass_value', models.DecimalField(decimal_places=3, max_digits=12, verbose_name='mass')),
                        ('mass_unit', models.CharField(choices=[('g', 'g'), ('kg', 'kg'), ('t', 't'), ('lb', 'lb'), ('short_ton', 'short ton')], default='kg', max_length=9, verbose_name='unit')),
                        ('moisture', models.DecimalField(decimal_places=4, default=0, help_text='Mass fraction of water, 0 to 1. Assays are of the dry mass.', max_digits=5, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(1)], verbose_name='moisture')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='status_mass_value_mass_unit_moisture_events', to='collection.lot')),
                    ],
                    options={
                        'abstract': False,
                    },
                ),
                migrations.CreateModel(
                    name='Assay',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('element', models.CharField(choices=[('Li', 'lithium'), ('Ni', 'nickel'), ('Co', 'cobalt'), ('Mn', 'manganese'), ('Cu', 'copper'), ('Al', 'aluminum'), ('Fe', 'iron and steel'), ('graphite', 'graphite'), ('P', 'phosphorus'), ('REE', 'rare earths')], max_length=8, verbose_name='element')),
                        ('fraction', models.DecimalField(decimal_places=8, max_digits=9, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(1)], verbose_name='mass fraction')),
                        ('lot', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='assays', to='collection.lot', verbose_name='lot')),
                    ],
                    options={
                        'verbose_name': 'assay',
                        'verbose_name_plural': 'assays',
                        'ordering': ('lot', 'element'),
                        'constraints': [models.UniqueConstraint(fields=('lot', 'element'), name='assay_once_per_element'), models.CheckConstraint(condition=models.Q(('fraction__gte', 0), ('fraction__lte', 1)), name='assay_is_fraction'), models.CheckConstraint(condition=models.Q(('element__in', ['Li', 'Ni', 'Co', 'Mn', 'Cu', 'Al', 'Fe', 'graphite', 'P', 'REE'])), name='assay_element_known')],
                        'triggers': [pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "collection_assayevent" ("element", "fraction", "id", "lot_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (NEW."element", NEW."fraction", NEW."id", NEW."lot_id", _pgh_attach_context(), NOW(), \'insert\', NEW."id"); RETURN NULL;', hash='f90066d36e6d50518ae005fe04baf662b2b37529', operation='INSERT', pgid='pgtrigger_insert_insert_38862', table='collection_assay', when='AFTER')), pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "collection_assayevent" ("element", "fraction", "id", "lot_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (NEW."element", NEW."fraction", NEW."id", NEW."lot_id", _pgh_attach_context(), NOW(), \'update\', NEW."id"); RETURN NULL;', hash='b3091a34a268f086527eae2c2c485eb81266e82d', operation='UPDATE', pgid='pgtrigger_update_update_7b294', table='collection_assay', when='AFTER'))],
                    },
                ),
                migrations.CreateModel(
                    name='AssayEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('element', models.CharField(choices=[('Li', 'lithium'), ('Ni', 'nickel'), ('Co', 'cobalt'), ('Mn', 'manganese'), ('Cu', 'copper'), ('Al', 'aluminum'), ('Fe', 'iron and steel'), ('graphite', 'graphite'), ('P', 'phosphorus'), ('REE', 'rare earths')], max_length=8, verbose_name='element')),
                        ('fraction', models.DecimalField(decimal_places=8, max_digits=9, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(1)], verbose_name='mass fraction')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='collection.assay')),
                        ('lot', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='collection.lot', verbose_name='lot')),
                    ],
                    options={
                        'abstract': False,
                    },
                ),
                migrations.CreateModel(
                    name='Consent',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('number', models.CharField(max_length=60, verbose_name='number')),
                        ('authority', models.CharField(max_length=100, verbose_name='authority')),
                        ('valid', django.contrib.postgres.fields.ranges.DateRangeField(verbose_name='valid')),
                        ('limit_kg', models.DecimalField(blank=True, decimal_places=3, help_text='Total mass that may move under it. Empty: none is stated.', max_digits=14, null=True, verbose_name='limit (kg)')),
                        ('is_simulated', models.BooleanField(default=False, verbose_name='simulated')),
                        ('exporter', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='export_consents', to='accounts.organization', verbose_name='exporter')),
                        ('importer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='import_consents', to='accounts.organization', verbose_name='importer')),
                        ('from_country', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='collection.jurisdiction', verbose_name='from country')),
                        ('to_country', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='collection.jurisdiction', verbose_name='to country')),
                    ],
                    options={
                        'verbose_name': 'consent',
                        'verbose_name_plural': 'consents',
                        'ordering': ('-pk',),
                        'constraints': [models.UniqueConstraint(fields=('authority', 'number'), name='consent_number_once'), models.CheckConstraint(condition=models.Q(('from_country', models.F('to_country')), _negated=True), name='consent_crosses_a_border'), models.CheckConstraint(condition=models.Q(('limit_kg__gt', 0)), name='consent_limit_positive')],
                        'triggers': [pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "collection_consentevent" ("authority", "exporter_id", "from_country_id", "id", "importer_id", "is_simulated", "limit_kg", "number", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "to_country_id", "valid") VALUES (NEW."authority", NEW."exporter_id", NEW."from_country_id", NEW."id", NEW."importer_id", NEW."is_simulated", NEW."limit_kg", NEW."number", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."to_country_id", NEW."valid"); RETURN NULL;', hash='274da9b5a2349a4941af51a177c7e473d8647969', operation='INSERT', pgid='pgtrigger_insert_insert_fa9e1', table='collection_consent', when='AFTER')), pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "collection_consentevent" ("authority", "exporter_id", "from_country_id", "id", "importer_id", "is_simulated", "limit_kg", "number", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "to_country_id", "valid") VALUES (NEW."authority", NEW."exporter_id", NEW."from_country_id", NEW."id", NEW."importer_id", NEW."is_simulated", NEW."limit_kg", NEW."number", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."to_country_id", NEW."valid"); RETURN NULL;', hash='079ad7d77a9d8481555f44fbe7cb2ebb217fac2e', operation='UPDATE', pgid='pgtrigger_update_update_f80ab', table='collection_consent', when='AFTER'))],
                    },
                ),
                migrations.CreateModel(
                    name='ConsentEvent',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('id', models.BigIntegerField()),
                        ('number', models.CharField(max_length=60, verbose_name='number')),
                        ('authority', models.CharField(max_length=100, verbose_name='authority')),
                        ('valid', django.contrib.postgres.fields.ranges.DateRangeField(verbose_name='valid')),
                        ('limit_kg', models.DecimalField(blank=True, decimal_places=3, help_text='Total mass that may move under it. Empty: none is stated.', max_digits=14, null=True, verbose_name='limit (kg)')),
                        ('is_simulated', models.BooleanField(default=False, verbose_name='simulated')),
                        ('exporter', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='accounts.organization', verbose_name='exporter')),
                        ('importer', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='accounts.organization', verbose_name='importer')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='collection.consent')),
                        ('from_country', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='collection.jurisdiction', verbose_name='from country')),
                        ('to_country', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='collection.jurisdiction', verbose_name='to country')),
                    ],
                    options={
                        'abstract': False,
                    },
                ),
                migrations.CreateModel(
                    name='Shipment',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('vehicle', models.CharField(blank=True, max_length=60, verbose_name='vehicle')),
                        ('planned_at', models.DateTimeField(blank=True, null=True, verbose_name='planned departure')),
                        ('dispatched_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='dispatched at')),
                        ('arrived_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='arrived at')),
                        ('received_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='received at')),
                        ('status', models.CharField(choices=[('draft', 'draft'), ('ready', 'ready'), ('in_transit', 'in transit'), ('arrived', 'arrived'), ('received', 'received'), ('partly_rejected', 'partly rejected'), ('rejected', 'rejected'), ('closed', 'closed'), ('cancelled', 'cancelled')], default='draft', editable=False, max_length=15, verbose_name='status')),
                        ('reason', models.CharField(blank=True, editable=False, max_length=500, verbose_name='reason')),
                        ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created at')),
                        ('is_simulated', models.BooleanField(default=False, verbose_name='simulated')),
                        ('carrier', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='shipments_carried', to='accounts.organization', verbose_name='carrier')),
                        ('consent', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='shipments', to='collection.consent', verbose_name='consent')),
                        ('destination', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='shipments_in', to='collection.facility', verbose_name='to')),
                        ('origin', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='shipments_out', to='collection.facility', verbose_name='from')),
                        ('return_of', models.OneToOneField(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='returned_as', to='collection.shipment', verbose_name='returns what was rejected of')),
                        ('shipper', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='shipments_sent', to='accounts.organization', verbose_name='shipper')),
                    ],
                    options={
                        'verbose_name': 'shipment',
                        'verbose_name_plural': 'shipments',
                        'ordering': ('-pk',),
                        'constraints': [models.CheckConstraint(condition=models.Q(('origin', models.F('destination')), _negated=True), name='shipment_goes_somewhere'), models.CheckConstraint(condition=models.Q(('status__in', ['draft', 'ready', 'cancelled']), ('dispatched_at__isnull', False), _connector='OR'), name='shipment_under_way_was_dispatched'), models.CheckConstraint(condition=models.Q(('arrived_at__gte', models.F('dispatched_at'))), name='shipment_arrives_after_dispatch'), models.CheckConstraint(condition=models.Q(('received_at__gte', models.F('arrived_at'))), name='shipment_received_after_arrival'), models.CheckConstraint(condition=models.Q(models.Q(('status__in', ['cancelled', 'rejected', 'partly_rejected']), _negated=True), models.Q(('reason', ''), _negated=True), _connector='OR'), name='shipment_refusal_has_reason')],
                        'indexes': [models.Index(fields=['destination', 'status'], name='shipment_inbound')],
                        'triggers': [pgtrigger.compiler.Trigger(name='status_moves', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE _is_valid_transition BOOLEAN;', func='SELECT CONCAT(OLD."status", \':\', NEW."status") = ANY(\'{draft:ready,ready:draft,ready:in_transit,in_transit:arrived,arrived:received,arrived:partly_rejected,arrived:rejected,received:closed,partly_rejected:closed,rejected:closed,draft:cancelled,ready:cancelled}\'::text[]) INTO _is_valid_transition; IF (_is_valid_transition IS FALSE AND OLD."status" IS DISTINCT FROM NEW."status") THEN RAISE EXCEPTION \'pgtrigger: Invalid transition of field "status" from "%" to "%" on table %\', OLD."status", NEW."status", TG_TABLE_NAME; ELSE RETURN NEW; END IF;', hash='a922390cd153f6e36178722be75c2462c8cda062', operation='UPDATE', pgid='pgtrigger_status_moves_e1db0', table='collection_shipment', when='BEFORE')), pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."carrier_id" IS DISTINCT FROM (NEW."carrier_id") OR OLD."consent_id" IS DISTINCT FROM (NEW."consent_id") OR OLD."reason" IS DISTINCT FROM (NEW."reason") OR OLD."status" IS DISTINCT FROM (NEW."status"))', func='INSERT INTO "collection_shipmenthistory" ("carrier_id", "consent_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reason", "status") VALUES (NEW."carrier_id", NEW."consent_id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."reason", NEW."status"); RETURN NULL;', hash='fad42a89f5bb73e86f7a0d79a623f2842a06c9a6', operation='UPDATE', pgid='pgtrigger_update_update_6f106', table='collection_shipment', when='AFTER'))],
                    },
                ),
                migrations.CreateModel(
                    name='ShipmentHistory',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('status', models.CharField(choices=[('draft', 'draft'), ('ready', 'ready'), ('in_transit', 'in transit'), ('arrived', 'arrived'), ('received', 'received'), ('partly_rejected', 'partly rejected'), ('rejected', 'rejected'), ('closed', 'closed'), ('cancelled', 'cancelled')], default='draft', editable=False, max_length=15, verbose_name='status')),
                        ('reason', models.CharField(blank=True, editable=False, max_length=500, verbose_name='reason')),
                        ('carrier', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='accounts.organization', verbose_name='carrier')),
                        ('consent', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='collection.consent', verbose_name='consent')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='status_reason_carrier_consent_events', to='collection.shipment')),
                    ],
                    options={
                        'abstract': False,
                    },
                ),
                migrations.CreateModel(
                    name='Package',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('label', models.CharField(max_length=40, verbose_name='label')),
                        ('kind', models.CharField(choices=[('sound', 'sound'), ('damaged', 'damaged, defective or recalled')], max_length=7, verbose_name='kind')),
                        ('packing_instruction', models.CharField(blank=True, help_text='Such as P903, LP903, P908, LP904, P911.', max_length=20, verbose_name='packing instruction')),
                        ('un_number', models.CharField(blank=True, help_text='Such as UN3480.', max_length=6, verbose_name='UN number')),
                        ('shipment', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='packages', to='collection.shipment', verbose_name='shipment')),
                    ],
                    options={
                        'verbose_name': 'package',
                        'verbose_name_plural': 'packages',
                        'ordering': ('shipment', 'label'),
                        'constraints': [models.UniqueConstraint(fields=('shipment', 'label'), name='package_label_once')],
                        'triggers': [pgtrigger.compiler.Trigger(name='kind_is_fixed', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."kind" IS DISTINCT FROM (NEW."kind"))', func="\n                    RAISE EXCEPTION 'a package keeps its kind' USING ERRCODE = 'check_violation',\n                        CONSTRAINT = 'package_keeps_kind';\n                ", hash='192dea80e74b1eea01bf48a302ad32684d15c605', operation='UPDATE', pgid='pgtrigger_kind_is_fixed_daa46', table='collection_package', when='BEFORE'))],
                    },
                ),
                migrations.CreateModel(
                    name='ShipmentLine',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('declared_value', models.DecimalField(blank=True, decimal_places=3, max_digits=12, null=True, verbose_name='declared mass')),
                        ('unit', models.CharField(choices=[('g', 'g'), ('kg', 'kg'), ('t', 't'), ('lb', 'lb'), ('short_ton', 'short ton')], default='kg', max_length=9, verbose_name='unit')),
                        ('declared_kg', models.GeneratedField(db_persist=True, expression=models.Case(models.When(then=django.db.models.expressions.CombinedExpression(models.F('declared_value'), '*', models.Value(Decimal('0.001'))), unit='g'), models.When(then=django.db.models.expressions.CombinedExpression(models.F('declared_value'), '*', models.Value(Decimal('1'))), unit='kg'), models.When(then=django.db.models.expressions.CombinedExpression(models.F('declared_value'), '*', models.Value(Decimal('1000'))), unit='t'), models.When(then=django.db.models.expressions.CombinedExpression(models.F('declared_value'), '*', models.Value(Decimal('0.45359237'))), unit='lb'), models.When(then=django.db.models.expressions.CombinedExpression(models.F('declared_value'), '*', models.Value(Decimal('907.18474'))), unit='short_ton')), output_field=models.DecimalField(decimal_places=11, max_digits=20), verbose_name='declared mass (kg)')),
                        ('outcome', models.CharField(choices=[('open', 'open'), ('accepted', 'accepted'), ('rejected', 'rejected'), ('removed', 'removed')], default='open', editable=False, max_length=8, verbose_name='outcome')),
                        ('reason', models.CharField(blank=True, editable=False, max_length=500, verbose_name='reason')),
                        ('battery', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='shipment_lines', to='collection.battery', verbose_name='battery')),
                        ('lot', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='shipment_lines', to='collection.lot', verbose_name='lot')),
                        ('package', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='lines', to='collection.package', verbose_name='package')),
                        ('shipment', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='lines', to='collection.shipment', verbose_name='shipment')),
                    ],
                    options={
                        'verbose_name': 'shipment line',
                        'verbose_name_plural': 'shipment lines',
                        'ordering': ('shipment', 'pk'),
                        'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('battery__isnull', False), ('lot__isnull', True)), models.Q(('battery__isnull', True), ('lot__isnull', False)), _connector='OR'), name='shipment_line_of_one_thing'), models.CheckConstraint(condition=models.Q(('declared_value__gt', 0)), name='shipment_line_mass_positive'), models.CheckConstraint(condition=models.Q(('unit__in', ['g', 'kg', 't', 'lb', 'short_ton'])), name='shipment_line_unit_known'), models.CheckConstraint(condition=models.Q(models.Q(('outcome', 'rejected'), _negated=True), models.Q(('reason', ''), _negated=True), _connector='OR'), name='shipment_line_rejection_has_reason'), models.UniqueConstraint(condition=models.Q(('outcome', 'open')), fields=('battery',), name='shipment_line_one_open_per_battery'), models.UniqueConstraint(condition=models.Q(('outcome', 'open')), fields=('lot',), name='shipment_line_one_open_per_lot'), models.UniqueConstraint(fields=('shipment', 'battery'), name='shipment_line_battery_once'), models.UniqueConstraint(fields=('shipment', 'lot'), name='shipment_line_lot_once')],
                        'triggers': [pgtrigger.compiler.Trigger(name='damaged_apart', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n    IF EXISTS (\n        SELECT 1 FROM packed l\n        JOIN collection_package p ON p.id = l.package_id\n        JOIN collection_battery b ON b.id = l.battery_id\n        WHERE l.outcome = 'open' AND (p.kind = 'damaged') <> (b.condition <> 'intact')\n    ) THEN\n        RAISE EXCEPTION 'damaged, defective or recalled batteries may not be packed with sound ones'\n            USING ERRCODE = 'check_violation', CONSTRAINT = 'shipment_line_damaged_apart';\n    END IF;\n    RETURN NULL;\n", hash='e9147a4f122e67cf22191d23a442e719ffb9281b', level='STATEMENT', operation='INSERT', pgid='pgtrigger_damaged_apart_e281a', referencing='REFERENCING NEW TABLE AS packed ', table='collection_shipmentline', when='AFTER')), pgtrigger.compiler.Trigger(name='damaged_apart_on_update', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n    IF EXISTS (\n        SELECT 1 FROM packed l\n        JOIN collection_package p ON p.id = l.package_id\n        JOIN collection_battery b ON b.id = l.battery_id\n        WHERE l.outcome = 'open' AND (p.kind = 'damaged') <> (b.condition <> 'intact')\n    ) THEN\n        RAISE EXCEPTION 'damaged, defective or recalled batteries may not be packed with sound ones'\n            USING ERRCODE = 'check_violation', CONSTRAINT = 'shipment_line_damaged_apart';\n    END IF;\n    RETURN NULL;\n", hash='318617ddb107c18713e208544e2b4a5aac0b01f5', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_damaged_apart_on_update_bf1cf', referencing='REFERENCING OLD TABLE AS unpacked  NEW TABLE AS packed ', table='collection_shipmentline', when='AFTER'))],
                    },
                ),
                migrations.CreateModel(
                    name='TransportDocument',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('kind', models.CharField(choices=[('bill_of_lading', 'bill of lading'), ('manifest', 'hazardous waste manifest'), ('movement', 'movement document'), ('dangerous_goods', 'dangerous goods document'), ('customs', 'customs declaration'), ('other', 'other')], max_length=15, verbose_name='kind')),
                        ('number', models.CharField(max_length=60, verbose_name='number')),
                        ('issued_on', models.DateField(blank=True, null=True, verbose_name='issued on')),
                        ('shipment', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='documents', to='collection.shipment', verbose_name='shipment')),
                    ],
                    options={
                        'verbose_name': 'transport document',
                        'verbose_name_plural': 'transport documents',
                        'ordering': ('shipment', 'kind', 'number'),
                        'constraints': [models.UniqueConstraint(fields=('shipment', 'kind', 'number'), name='transport_document_once')],
                    },
                ),
                migrations.CreateModel(
                    name='CustodyEvent',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('sequence', models.PositiveIntegerField(verbose_name='sequence')),
                        ('kind', models.CharField(choices=[('given_up', 'given up at a facility'), ('produced', 'came into being'), ('dispatched', 'loaded and dispatched'), ('received', 'received'), ('rejected', 'rejected and sent back'), ('inspected', 'inspected'), ('charged', 'charged into a batch'), ('uncharged', 'taken out of a batch again'), ('released', 'released to a further use'), ('split', 'split'), ('disposed', 'left the trace'), ('lost', 'lost or destroyed'), ('found', 'found again'), ('corrected', 'corrected')], max_length=10, verbose_name='kind')),
                        ('occurred_at', models.DateTimeField(verbose_name='occurred at')),
                        ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='recorded at')),
                        ('to_status', models.CharField(help_text='The status of the battery or lot after this entry.', max_length=16, verbose_name='status afterwards')),
                        ('mass_kg', models.DecimalField(blank=True, decimal_places=11, max_digits=20, null=True, verbose_name='mass (kg)')),
                        ('reference', models.CharField(blank=True, help_text='The record behind it, such as “batch 12”.', max_length=60, verbose_name='reference')),
                        ('note', models.CharField(blank=True, max_length=500, verbose_name='note')),
                        ('actor', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='custody_events', to=settings.AUTH_USER_MODEL, verbose_name='by')),
                        ('battery', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='events', to='collection.battery', verbose_name='battery')),
                        ('corrects', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='corrections', to='collection.custodyevent', verbose_name='corrects')),
                        ('from_organization', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.organization', verbose_name='from')),
                        ('to_organization', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.organization', verbose_name='to')),
                        ('from_facility', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='collection.facility', verbose_name='from facility')),
                        ('to_facility', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='arrivals', to='collection.facility', verbose_name='to facility')),
                        ('lot', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='events', to='collection.lot', verbose_name='lot')),
                        ('from_shipment', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='collection.shipment', verbose_name='from shipment')),
                        ('to_shipment', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='collection.shipment', verbose_name='to shipment')),
                    ],
                    options={
                        'verbose_name': 'custody entry',
                        'verbose_name_plural': 'custody ledger',
                        'ordering': ('-occurred_at', '-pk'),
                        'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('battery__isnull', False), ('lot__isnull', True)), models.Q(('battery__isnull', True), ('lot__isnull', False)), _connector='OR'), name='custody_event_of_one_thing'), models.CheckConstraint(condition=models.Q(('sequence__gte', 1)), name='custody_event_sequence_from_one'), models.CheckConstraint(condition=models.Q(('to_facility__isnull', True), ('to_shipment__isnull', True), _connector='OR'), name='custody_event_to_one_place'), models.CheckConstraint(condition=models.Q(('from_facility__isnull', True), ('from_shipment__isnull', True), _connector='OR'), name='custody_event_from_one_place'), models.CheckConstraint(condition=models.Q(('mass_kg__gt', 0)), name='custody_event_mass_positive'), models.CheckConstraint(condition=models.Q(('kind', 'corrected'), ('corrects__isnull', True), _connector='OR'), name='custody_event_only_corrections_correct'), models.UniqueConstraint(fields=('battery', 'sequence'), name='custody_event_battery_sequence'), models.UniqueConstraint(fields=('lot', 'sequence'), name='custody_event_lot_sequence')],
                        'indexes': [models.Index(fields=['to_facility', 'battery'], name='custody_event_to'), models.Index(fields=['to_organization', 'battery'], name='custody_event_to_org'), models.Index(fields=['from_organization', 'battery'], name='custody_event_from_org'), models.Index(condition=models.Q(('lot__isnull', False)), fields=['to_facility', 'lot'], name='custody_event_lot_to'), models.Index(condition=models.Q(('lot__isnull', False)), fields=['to_organization', 'lot'], name='custody_event_lot_to_org'), models.Index(condition=models.Q(('lot__isnull', False)), fields=['from_organization', 'lot'], name='custody_event_lot_from_org'), django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['occurred_at'], name='custody_event_by_time'), models.Index(condition=models.Q(('kind__in', ['rejected', 'uncharged', 'released', 'split', 'disposed', 'lost', 'found', 'corrected'])), fields=['kind', 'id'], name='custody_event_rare'), models.Index(condition=models.Q(('reference', ''), _negated=True), fields=['reference'], name='custody_event_reference')],
                        'triggers': [pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='ed7ddbeed81dd9a861e9d6228ac4e5ac4e79bed0', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_d4acf', table='collection_custodyevent', when='BEFORE')), pgtrigger.compiler.Trigger(name='starts_where_the_last_ended', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n                    IF EXISTS (\n                        SELECT 1 FROM entries e\n                        LEFT JOIN collection_custodyevent p\n                            ON p.battery_id = e.battery_id AND p.sequence = e.sequence - 1\n                        WHERE e.battery_id IS NOT NULL AND (\n                            (e.sequence > 1 AND p.id IS NULL)\n                            OR e.from_facility_id IS DISTINCT FROM p.to_facility_id\n                            OR e.from_shipment_id IS DISTINCT FROM p.to_shipment_id)\n                    ) OR EXISTS (\n                        SELECT 1 FROM entries e\n                        LEFT JOIN collection_custodyevent p\n                            ON p.lot_id = e.lot_id AND p.sequence = e.sequence - 1\n                        WHERE e.lot_id IS NOT NULL AND (\n                            (e.sequence > 1 AND p.id IS NULL)\n                            OR e.from_facility_id IS DISTINCT FROM p.to_facility_id\n                            OR e.from_shipment_id IS DISTINCT FROM p.to_shipment_id)\n                    ) THEN\n                        RAISE EXCEPTION 'custody ledger: an entry must start where the one before it ended'\n                            USING ERRCODE = 'check_violation', CONSTRAINT = 'custody_event_starts_where_last_ended';\n                    END IF;\n                    RETURN NULL;\n                ", hash='d53d3bdc3242630852cf21c9c8b81735d648f3ad', level='STATEMENT', operation='INSERT', pgid='pgtrigger_starts_where_the_last_ended_c159c', referencing='REFERENCING NEW TABLE AS entries ', table='collection_custodyevent', when='AFTER'))],
                    },
                ),
                migrations.CreateModel(
                    name='ImportRun',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('kind', models.CharField(choices=[('collection_points', 'collection points'), ('batteries', 'batteries'), ('market_placements', 'market placements'), ('intake_weighings', 'intake weighings')], max_length=20, verbose_name='kind')),
                        ('filename', models.CharField(max_length=200, verbose_name='file')),
                        ('content', models.BinaryField(null=True, verbose_name='content')),
                        ('sha256', models.CharField(editable=False, max_length=64, verbose_name='SHA-256')),
                        ('skip_bad_rows', models.BooleanField(default=False, verbose_name='import the good rows even if some are bad')),
                        ('status', models.CharField(choices=[('queued', 'queued'), ('running', 'running'), ('done', 'done'), ('refused', 'refused: rows with errors'), ('failed', 'failed')], default='queued', editable=False, max_length=8, verbose_name='status')),
                        ('rows_read', models.PositiveIntegerField(default=0, editable=False, verbose_name='rows read')),
                        ('rows_total', models.PositiveIntegerField(editable=False, null=True, verbose_name='rows expected')),
                        ('rows_created', models.PositiveIntegerField(default=0, editable=False, verbose_name='created')),
                        ('rows_unchanged', models.PositiveIntegerField(default=0, editable=False, verbose_name='unchanged')),
                        ('rows_bad', models.PositiveIntegerField(default=0, editable=False, verbose_name='bad')),
                        ('message', models.TextField(blank=True, editable=False, verbose_name='message')),
                        ('requested_at', models.DateTimeField(auto_now_add=True, verbose_name='requested at')),
                        ('claimed_at', models.DateTimeField(editable=False, null=True, verbose_name='taken up at')),
                        ('heartbeat_at', models.DateTimeField(editable=False, null=True, verbose_name='last sign of life')),
                        ('finished_at', models.DateTimeField(editable=False, null=True, verbose_name='finished at')),
                        ('organization', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='imports', to='accounts.organization', verbose_name='organization')),
                        ('requested_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='imports', to=settings.AUTH_USER_MODEL, verbose_name='requested by')),
                    ],
                    options={
                        'verbose_name': 'import',
                        'verbose_name_plural': 'imports',
                        'ordering': ('-pk',),
                        'constraints': [models.CheckConstraint(condition=models.Q(('filename', ''), _negated=True), name='import_run_names_its_file')],
                        'triggers': [pgtrigger.compiler.Trigger(name='status_moves', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE _is_valid_transition BOOLEAN;', func='SELECT CONCAT(OLD."status", \':\', NEW."status") = ANY(\'{queued:running,running:queued,running:done,running:refused,running:failed}\'::text[]) INTO _is_valid_transition; IF (_is_valid_transition IS FALSE AND OLD."status" IS DISTINCT FROM NEW."status") THEN RAISE EXCEPTION \'pgtrigger: Invalid transition of field "status" from "%" to "%" on table %\', OLD."status", NEW."status", TG_TABLE_NAME; ELSE RETURN NEW; END IF;', hash='52cdf687812b2950e746181f050bcddc2f4fbaed', operation='UPDATE', pgid='pgtrigger_status_moves_82824', table='collection_importrun', when='BEFORE'))],
                    },
                ),
                migrations.CreateModel(
                    name='ImportRowError',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('line', models.PositiveIntegerField(verbose_name='line')),
                        ('field', models.CharField(blank=True, max_length=60, verbose_name='field')),
                        ('message', models.CharField(max_length=300, verbose_name='message')),
                        ('value', models.CharField(blank=True, max_length=200, verbose_name='value')),
                        ('run', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='errors', to='collection.importrun', verbose_name='import')),
                    ],
                    options={
                        'verbose_name': 'row error',
                        'verbose_name_plural': 'row errors',
                        'ordering': ('run', 'line', 'pk'),
                    },
                ),
                migrations.CreateModel(
                    name='Pickup',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('packs_expected', models.PositiveIntegerField(verbose_name='packs expected')),
                        ('condition', models.CharField(choices=[('intact', 'intact'), ('damaged', 'damaged'), ('defective', 'defective'), ('recalled', 'recalled')], default='intact', max_length=9, verbose_name='worst condition')),
                        ('convenient_from', models.DateTimeField(verbose_name='convenient from')),
                        ('convenient_until', models.DateTimeField(verbose_name='convenient until')),
                        ('notes', models.TextField(blank=True, verbose_name='notes')),
                        ('vehicle', models.CharField(blank=True, max_length=60, verbose_name='vehicle')),
                        ('window_start', models.DateTimeField(blank=True, null=True, verbose_name='window from')),
                        ('window_end', models.DateTimeField(blank=True, null=True, verbose_name='window until')),
                        ('status', models.CharField(choices=[('requested', 'requested'), ('scheduled', 'scheduled'), ('collected', 'collected'), ('failed', 'failed'), ('cancelled', 'cancelled')], default='requested', editable=False, max_length=9, verbose_name='status')),
                        ('reason', models.CharField(blank=True, editable=False, max_length=500, verbose_name='reason')),
                        ('collected_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='collected at')),
                        ('requested_at', models.DateTimeField(auto_now_add=True, verbose_name='requested at')),
                        ('is_simulated', models.BooleanField(default=False, verbose_name='simulated')),
                        ('carrier', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='pickups_carried', to='accounts.organization', verbose_name='carrier')),
                        ('collection_point', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='pickups', to='collection.collectionpoint', verbose_name='collection point')),
                        ('collector', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='pickups', to='accounts.organization', verbose_name='collector')),
                        ('destination', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='pickups_in', to='collection.facility', verbose_name='destination')),
                        ('shipment', models.OneToOneField(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='pickup', to='collection.shipment', verbose_name='shipment')),
                    ],
                    options={
                        'verbose_name': 'pickup',
                        'verbose_name_plural': 'pickups',
                        'ordering': ('-pk',),
                        'constraints': [models.CheckConstraint(condition=models.Q(('packs_expected__gte', 1)), name='pickup_of_something'), models.CheckConstraint(condition=models.Q(('convenient_until__gt', models.F('convenient_from'))), name='pickup_convenience_is_a_period'), models.CheckConstraint(condition=models.Q(models.Q(('window_end__isnull', True), ('window_start__isnull', True)), models.Q(('window_end__gt', models.F('window_start')), ('window_end__isnull', False), ('window_start__isnull', False)), _connector='OR'), name='pickup_window_is_a_period'), models.CheckConstraint(condition=models.Q(models.Q(('status__in', ['scheduled', 'collected']), _negated=True), models.Q(('carrier__isnull', False), ('destination__isnull', False), ('window_start__isnull', False)), _connector='OR'), name='pickup_schedule_complete'), models.CheckConstraint(condition=models.Q(models.Q(('status__in', ['failed', 'cancelled']), _negated=True), models.Q(('reason', ''), _negated=True), _connector='OR'), name='pickup_refusal_has_reason'), models.CheckConstraint(condition=models.Q(models.Q(('collected_at__isnull', False), ('shipment__isnull', False), ('status', 'collected')), models.Q(models.Q(('status', 'collected'), _negated=True), ('collected_at__isnull', True), ('shipment__isnull', True)), _connector='OR'), name='pickup_collected_has_shipment')],
                        'indexes': [models.Index(fields=['status', 'window_start'], name='pickup_agenda')],
                        'triggers': [pgtrigger.compiler.Trigger(name='status_moves', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE _is_valid_transition BOOLEAN;', func='SELECT CONCAT(OLD."status", \':\', NEW."status") = ANY(\'{requested:scheduled,requested:cancelled,scheduled:collected,scheduled:failed,scheduled:cancelled,failed:scheduled,failed:cancelled}\'::text[]) INTO _is_valid_transition; IF (_is_valid_transition IS FALSE AND OLD."status" IS DISTINCT FROM NEW."status") THEN RAISE EXCEPTION \'pgtrigger: Invalid transition of field "status" from "%" to "%" on table %\', OLD."status", NEW."status", TG_TABLE_NAME; ELSE RETURN NEW; END IF;', hash='31654f246071badd7f7f8713079b36f31fd79b7c', operation='UPDATE', pgid='pgtrigger_status_moves_dda25', table='collection_pickup', when='BEFORE')), pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."carrier_id" IS DISTINCT FROM (NEW."carrier_id") OR OLD."collector_id" IS DISTINCT FROM (NEW."collector_id") OR OLD."destination_id" IS DISTINCT FROM (NEW."destination_id") OR OLD."reason" IS DISTINCT FROM (NEW."reason") OR OLD."status" IS DISTINCT FROM (NEW."status") OR OLD."vehicle" IS DISTINCT FROM (NEW."vehicle") OR OLD."window_end" IS DISTINCT FROM (NEW."window_end") OR OLD."window_start" IS DISTINCT FROM (NEW."window_start"))', func='INSERT INTO "collection_pickuphistory" ("carrier_id", "collector_id", "destination_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reason", "status", "vehicle", "window_end", "window_start") VALUES (NEW."carrier_id", NEW."collector_id", NEW."destination_id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."reason", NEW."status", NEW."vehicle", NEW."window_end", NEW."window_start"); RETURN NULL;', hash='84d3dc76df1069a8a6bdc118cecab1009dfabe17', operation='UPDATE', pgid='pgtrigger_update_update_6999c', table='collection_pickup', when='AFTER'))],
                    },
                ),
                migrations.CreateModel(
                    name='PickupHistory',
                    fields=[
                        ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                        ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                        ('pgh_label', models.TextField(help_text='The event label.')),
                        ('status', models.CharField(choices=[('requested', 'requested'), ('scheduled', 'scheduled'), ('collected', 'collected'), ('failed', 'failed'), ('cancelled', 'cancelled')], default='requested', editable=False, max_length=9, verbose_name='status')),
                        ('reason', models.CharField(blank=True, editable=False, max_length=500, verbose_name='reason')),
                        ('vehicle', models.CharField(blank=True, max_length=60, verbose_name='vehicle')),
                        ('window_start', models.DateTimeField(blank=True, null=True, verbose_name='window from')),
                        ('window_end', models.DateTimeField(blank=True, null=True, verbose_name='window until')),
                        ('carrier', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='accounts.organization', verbose_name='carrier')),
                        ('collector', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='accounts.organization', verbose_name='collector')),
                        ('destination', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='collection.facility', verbose_name='destination')),
                        ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                        ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='status_reason_collector_carrier_vehicle_destination_window_start_window_end_events', to='collection.pickup')),
                    ],
                    options={
                        'abstract': False,
                    },
                ),
                migrations.CreateModel(
                    name='PickupBattery',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('is_open', models.BooleanField(default=True, editable=False, verbose_name='open')),
                        ('battery', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='pickup_entries', to='collection.battery', verbose_name='battery')),
                        ('pickup', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='batteries', to='collection.pickup', verbose_name='pickup')),
                    ],
                    options={
                        'verbose_name': 'battery of a pickup',
                        'verbose_name_plural': 'batteries of a pickup',
                        'constraints': [models.UniqueConstraint(fields=('pickup', 'battery'), name='pickup_battery_once'), models.UniqueConstraint(condition=models.Q(('is_open', True)), fields=('battery',), name='pickup_battery_one_open_per_battery')],
                    },
                ),
            ],
        ),
        *(migrations.RunSQL(sql, reverse) for sql, reverse in FUNCTIONS),
    ]
