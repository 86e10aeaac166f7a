/* schemas/ledger.sql, embedded; running it again changes nothing. */
#ifndef CS_LEDGERD_STORE_SCHEMA_H
#define CS_LEDGERD_STORE_SCHEMA_H

extern const char ledger_schema[];

#endif
