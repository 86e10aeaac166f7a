# IMPORTANT: your app handler owns the final business write.
# The kit checks the request (token, signature, time, schema, tenant and version)
# and keeps the receipt, against lost updates, duplicate writes and cross-tenant
# writes. Yours is what happens in between, in the same transaction/rollback and
# under the same idempotency key.
# Needs: fastapi, uvicorn, psycopg; DATABASE_URL and the two variables below.
import os
import sys

import psycopg
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool

sys.path.insert(0, "@KIT@/python")
from countersign_handler import MAX_BODY, Handler, Postgres, Refuse  # noqa: E402


def propose(job, tx):
    # The app-owned transaction: everything goes through tx, or is not rolled back.
    # job.row is the locked row, job.patch what was approved, job.principal who
    # proposed. raise Refuse("YOUR_CODE") to refuse.
    rows = tx.update(job.target.schema + "." + job.target.table,
                     {job.target.primary_key.column: job.target.primary_key.value,
                      job.tenant_guard.column: job.tenant_guard.value},
                     job.patch, expect=1)
    return {"rows_affected": rows}


# MySQL, MariaDB: Mysql(connect) with pymysql.connect.
storage = Postgres(lambda: psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=5))
handler = Handler({"@ACTION@": propose}, storage, token_env=@TOKEN_ENV@,
                  signing_secret_env=@SECRET_ENV@)
storage.check()  # the receipt table: python3 -m countersign_handler --print-ddl postgres
app = FastAPI(openapi_url=None)


async def raw_body(request: Request) -> bytes | None:
    """The signature is over the raw bytes; what is longer than MAX_BODY is not read."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            return None
    return body


@app.api_route("/synapsor/writeback", methods=["POST", "PUT", "PATCH", "OPTIONS"])
async def writeback(request: Request) -> Response:
    body = await raw_body(request)
    answer = await run_in_threadpool(handler.handle, request.method, request.headers.items(), body)
    return Response(answer.body, answer.status, dict(answer.headers))


uvicorn.run(app, host="127.0.0.1", port=int(os.environ.get("PORT", "8787")), log_level="warning")
