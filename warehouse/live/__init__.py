"""The process `live`: everybody's event streams from one reader of the outbox.

`feed` reads what is new once for all of them and keeps the newest in memory; `admission` asks the site's own views and rules who may read; `app` is the ASGI
application that holds the streams, `stream` the life of one of them.
"""
