// Writeback handlers for Countersign: the application writes the business function,
// the kit checks the request, keeps the receipt, and answers. Types: index.d.ts.
export { createCommandHandler, createHandler, Refuse } from './lib/handler.js';
export { mysql, mysqlDdl } from './lib/mysql.js';
export { postgres, postgresDdl } from './lib/postgres.js';
export { MAX_BODY, Refusal, lowerHeaders, verify, verifyCommand } from './lib/request.js';
export { listener, readBody } from './lib/server.js';
export { OutcomeUnknown } from './lib/storage.js';
export { rowHash, versionEqual } from './lib/values.js';
