// Package generator makes up card transactions: an endless sequence, of which
// each is a pure function of the seed and its position. So a program that was
// interrupted goes on from any position, and sends again exactly what it sent
// before.
package generator
