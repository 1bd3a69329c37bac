from rest_framework.renderers import JSONRenderer


class CsvDownload(JSONRenderer):
    """Lets a client ask for `text/csv` where a view streams it by itself; an error stays a problem in JSON."""

    media_type = "text/csv"
    format = "csv"
