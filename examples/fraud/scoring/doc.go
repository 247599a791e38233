// Package scoring stands in for the third party that rates merchants: a small
// HTTP service and its client.
//
//	GET /score?merchant=globex  →  {"merchant":"globex","score":0.231}
//
// A score says how much fraud goes on at a merchant, from 0 (none) to 1. It
// depends on nothing but the merchant and the service's seed, so that two runs of
// a test see the same world. Like other people's services it is at times slow and
// at times out of order: how often, the [Config] says.
package scoring
