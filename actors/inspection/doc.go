// Package inspection checks the data directory of a node that does not run, and
// explains what it finds. It changes nothing on disk.
//
// It goes from the files to their meaning: application.json, the log and its
// witness, every block of the tables, their levels; then, at the end of the log,
// what the rows and records say of each other:
//
//   - every key belongs to a section of a key group, and to the group of its id;
//   - every cell is of a state that was declared for the function; a value of its
//     own row is there; a list has its entries, and there are no others;
//   - an address that is to be nudged has a timer for it, or the nudge waits;
//   - windows and chunks are whole, chunks do not overlap, and what waits can be
//     read in order;
//   - a timer has its token, and a token its timer;
//   - asynchronous work, quarantined messages and egress records can be read;
//   - no number is higher than what the journal says it has given out.
//
// It is not for repair: what is damaged needs a backup.
package inspection
