// The handler behind node:http. Any other server calls handle() the same way.
import { createServer } from 'node:http';
import { MAX_BODY } from './request.js';

/** The raw body; null once there is more than MAX_BODY, of which the rest is not read. */
export function readBody(request) {
	return new Promise((resolve, reject) => {
		const chunks = [];
		let length = 0;
		request.on('data', (chunk) => {
			length += chunk.length;
			if (length > MAX_BODY) {
				request.pause();
				resolve(null);
			} else {
				chunks.push(chunk);
			}
		});
		request.on('end', () => resolve(Buffer.concat(chunks)));
		request.on('error', reject);
		request.on('close', () => reject(new Error('the peer is gone')));
	});
}

/** A listener for node:http; all paths, so route before. */
export function listener(handler) {
	return async (request, response) => {
		try {
			const isLong = Number(request.headers['content-length'] ?? 0) > MAX_BODY;
			const body = isLong ? null : await readBody(request);
			const answer = await handler.handle(request.method, request.rawHeaders, body);
			if (body === null) {
				response.shouldKeepAlive = false;
				response.once('finish', () => request.destroy());
			}
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
