from recycling.models.batches import BATCH_MOVES, Batch, BatchStatus, Charge, Factor, Output, Reagent
from recycling.models.intakes import (
    DISCREPANCY_MOVES,
    Decision,
    Discrepancy,
    DiscrepancyStatus,
    Inspection,
    Intake,
    IntakeBattery,
)
from recycling.models.lots import TracedAssay, TracedLot
from recycling.models.plants import Basis, Nameplate, Outage, Plant, ProcessLine, Stage
from recycling.models.report_evidence import EprEvidence, EprFactor, EprIntensity, EprPlacement, EprSite
from recycling.models.reports import (
    FILED_REPORTS,
    OPEN_REPORTS,
    REPORT_MOVES,
    EprReport,
    EprReportLine,
    EprReportProgress,
    ReportStatus,
)
from recycling.models.schemes import EprScheme, EprTarget, LegalStatus, MarketPlacement, Metric
from recycling.models.utilization import BacklogSnapshot, UtilizationRun, UtilizationSnapshot

__all__ = [
    "BATCH_MOVES",
    "DISCREPANCY_MOVES",
    "FILED_REPORTS",
    "OPEN_REPORTS",
    "REPORT_MOVES",
    "BacklogSnapshot",
    "Basis",
    "Batch",
    "BatchStatus",
    "Charge",
    "Decision",
    "Discrepancy",
    "DiscrepancyStatus",
    "EprEvidence",
    "EprFactor",
    "EprIntensity",
    "EprPlacement",
    "EprReport",
    "EprReportLine",
    "EprReportProgress",
    "EprScheme",
    "EprSite",
    "EprTarget",
    "Factor",
    "Inspection",
    "Intake",
    "IntakeBattery",
    "LegalStatus",
    "MarketPlacement",
    "Metric",
    "Nameplate",
    "Outage",
    "Output",
    "Plant",
    "ProcessLine",
    "Reagent",
    "ReportStatus",
    "Stage",
    "TracedAssay",
    "TracedLot",
    "UtilizationRun",
    "UtilizationSnapshot",
]
