// Runs autocannon with a body that differs in every request, so that no answer comes from the cache.
// Usage: node serving_load.cjs <folder of autocannon> < options as JSON
const autocannon = require(process.argv[2])
const { body, unique, ...options } = JSON.parse(require('fs').readFileSync(0, 'utf8'))
const first = Date.now()
let number = 0
if (body) {
  const headers = { 'content-type': 'application/json' }
  const setupRequest = request => ({ ...request, body: body.replace(unique, `deal-${first}-${number++}`) })
  options.requests = [{ method: 'POST', headers, body, setupRequest }]
}
autocannon(options).then(found => console.log(JSON.stringify(found)))
