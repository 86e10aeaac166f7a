#!/usr/bin/env node
// print-ddl.js postgres|mysql: the receipt table, for whoever owns the database.
import { mysqlDdl, postgresDdl } from './index.js';

const ddl = { postgres: postgresDdl, mysql: mysqlDdl };
const engine = process.argv[2];
if (process.argv.length === 3 && Object.hasOwn(ddl, engine)) {
	process.stdout.write(ddl[engine]());
} else {
	console.error('print-ddl.js postgres|mysql');
	process.exitCode = 2;
}
