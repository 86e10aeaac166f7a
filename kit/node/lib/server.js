// The handler behind node:http. Any other server calls handle() the same way.
import { createServer } from 'node:http';
import { MAX_BODY } from './request.js';

const PATIENCE_MS = 1000;

/**
 * The raw body; null when there is more than MAX_BODY. The rest is then thrown away, for a
 * second at most: a peer that is cut off while it sends never reads why.
 */
export function readBody(request) {
	return new Promise((resolve, reject) => {
		let chunks = [];
		let length = 0;
		let patience;
		request.on('data', (chunk) => {
			length += chunk.length;
			if (length <= MAX_BODY) {
				chunks.push(chunk);
			} else if (patience === undefined) {
				chunks = [];
				patience = setTimeout(() => resolve(null), PATIENCE_MS);
			}
		});
		request.on('end', () => resolve(length > MAX_BODY ? null : Buffer.concat(chunks)));
		request.on('error', reject);
		request.on('close', () => {
			clearTimeout(patience);
			reject(new Error('the peer is gone'));
		});
	});
}

/** A listener for node:http; all paths, so route before. */
export function listener(handler) {
	return async (request, response) => {
		try {
			const body = await readBody(request);
			const answer = await handler.handle(request.method, request.rawHeaders, body);
			response.shouldKeepAlive = body !== null;
			response.writeHead(answer.status, answer.headers).end(answer.body);
		} catch (error) {
			handler.log('HANDLER_EXCEPTION', null, error);
			response.destroy(); // no answer: the outcome is asked for again
		}
	};
}

/** Resolves to the server once it listens; prints its address. Port 0 takes a free one. */
export function serve(handler, { port = 8787, host = '127.0.0.1', path = '/synapsor/writeback' } = {}) {
	const answer = listener(handler);
	const server = createServer((request, response) => {
		if (request.url.split('?')[0] === path) {
			answer(request, response);
		} else {
			response.writeHead(404, { 'content-length': 0 }).end();
			request.resume();
		}
	});
	server.requestTimeout = 30000;
	return new Promise((resolve, reject) => {
		server.once('error', reject);
		server.listen(port, host, () => {
			console.log(`http://${host}:${server.address().port}${path}`);
			resolve(server);
		});
	});
}
