"""The example world of `manage.py demo`: fictional organizations in real places, over three countries.

Everything that happens in it happens through the services, done by those who would do it, at times in the past.
Nothing of it is true, and every row that can say so says so (`is_simulated`). `world` is who and where, `packs` what
comes back, `history` the way to the gate, `recycling` the way from there, `today` the work that is open now, `filings`
what is reported, and `figures` what came of it all.
"""
