"""The account credit of examples/handler-python, on MariaDB."""
import os
import sys
import urllib.parse

import pymysql

sys.path.insert(0, os.environ["COUNTERSIGN_KIT"] + "/python")
sys.path.insert(0, os.path.join(os.environ["COUNTERSIGN_KIT"], "../examples/handler-python"))
from app import account_credit  # noqa: E402
from countersign_handler import Handler, Mysql  # noqa: E402

URL = urllib.parse.urlsplit(os.environ["DATABASE_URL"])


def connect():
    return pymysql.connect(host=URL.hostname, port=URL.port, user=URL.username, database=URL.path[1:],
                           password=urllib.parse.unquote(URL.password), charset="utf8mb4",
                           client_flag=pymysql.constants.CLIENT.FOUND_ROWS)


try:
    storage = Mysql(connect)
    storage.check()
    Handler({"billing.propose_account_credit": account_credit}, storage).serve(port=int(os.environ["PORT"]))
except (KeyError, ValueError, RuntimeError) as error:
    sys.exit(str(error))
