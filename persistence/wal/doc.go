// Package wal is the log of a journal: the durable sequence of its batches.
//
// It owns a directory with segments and a witness. A segment is a file in
// Pebble's record format, named after the number of its first batch; its first
// record is a header, every other one is a batch. Batches are numbered without
// gaps. What is in a batch is not this package's business.
//
// # Invariants
//
//   - A batch whose Sync returned nil is found by every later Open, unless Drop
//     was told that it is no longer needed. Open returns exactly the appended
//     batches up to some number not below that, or an error.
//   - A segment covers the batches from its first up to the one before the next
//     segment's first; the last one covers all that it holds. What lies beyond
//     that in a file is a dead tail and never read.
//   - A segment gets its name only when its header and everything before it are
//     durable. So only the last segment can be torn, and its header cannot.
//   - Once created, the directory never is without a segment.
//
// # Torn or damaged
//
// A power cut may tear the batches that were not synced yet, and a damaged file
// looks the same. Three things promise that a batch was durable: the witness,
// where its number is written (unsynced) after each sync; each record, which
// carries the number of the last batch that was durable when it was written; and
// each segment's name. A last segment that breaks off above all promises is
// torn: Open drops its tail without a word. A log that ends below a promise, a
// gap, a missing segment or one of another log is damage: Open returns a
// DamageError and changes nothing. Records beyond the break are searched for
// promises, too, since the witness may be as old as the last segment when the
// machine loses power.
//
// # What the caller's number says
//
// Open is told the batch that its caller holds durably elsewhere ("after"), as
// tables hold what was materialized. Only durable batches are materialized, so a
// log that ends below after has lost something and is damaged, even where the
// witness does not know. A log may begin anywhere up to after+1. It is empty
// only when nothing was appended since its creation: a directory without any
// file opens as a new log if after is 0 and is damage otherwise, since it cannot
// be told from a lost one. Whoever restores tables from elsewhere says so with
// Create. A witness without any segment is a creation that was cut short if the
// witness has never been written since, otherwise damage. A segment without a
// witness is damage: the witness is durable before the first segment is.
//
// # Continuing
//
// Open never writes to a segment that it found. It starts a new one after the
// last promised batch and copies the intact batches above that into it, because
// reading a batch does not prove that it would survive the next crash: after a
// failed sync the page cache shows what the disk does not have.
//
// # What it is not for
//
// It does not lock the directory, it does not compress, and it keeps no batch in
// memory. There is no retry: after an error of Append or Sync the log refuses
// everything with that error, since nobody knows what has reached the disk.
package wal
