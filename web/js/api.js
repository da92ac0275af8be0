// Everything that the page asks of the server, and nothing else: the rest of the page knows no address and no field of
// its JSON.

const BASE = 'api/v1';

/** A refusal or a failure, in the server's own words. */
export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

async function request(path, { method = 'GET', json, body, headers = {}, signal } = {}) {
  let response = null;
  try {
    response = await fetch(`${BASE}/${path}`, {
      method, signal, headers: json === undefined ? headers : { 'Content-Type': 'application/json', ...headers },
      body: json === undefined ? body : JSON.stringify(json),
    });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ApiError('the server does not answer; is drape serve still running?', 0);
  }
  const text = await response.text();
  let answer = null;
  try {
    answer = text ? JSON.parse(text) : null;
  } catch {
    // an answer that is no JSON is judged by its status alone
  }
  if (!response.ok) throw new ApiError(answer?.error?.message ?? answer?.error ?? `the server answers ${response.status}`, response.status);
  return answer;
}
