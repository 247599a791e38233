// Package file writes an egress to a file, one JSON object a line, exactly once.
//
// A line is
//
//	{"sequence":7,"key":"alice","type":"fraud/alert","value":{"score":98}}
//
// where sequence is the record's place in the queue of its egress (it grows, with
// gaps), key the id of the instance that sent it, and type the type of its value.
// The value is in the member "value" if package jsonview can show it, else its
// bytes are in "base64". The members come in this order, without white space
// between them, and a line ends with a line feed. All text is UTF-8.
//
// # Exactly once
//
// The journal remembers how far the file was safe: a position, which is an offset
// and a checksum of the line before it. A delivery writes its lines behind the
// position, syncs the file, and only then are they acknowledged, with the new
// position, in the journal. So after a crash the file has at least what the
// position says, and perhaps lines (or a part of one) that will be delivered
// again: those are cut off when the egress is opened.
//
//   - What is before the position is never written again.
//   - What is behind it is nobody's, except while the journal has no position yet:
//     then it is cut off only if it is the beginning of what is delivered first,
//     as after a crash during the first delivery.
//   - A file that is shorter than its position, or has another line before it, is
//     not the file that was written: an error, and nothing is touched.
//
// Readers may follow the file while it grows; only after a crash can they have
// seen the beginning of a line that is then cut off and written again.
//
// The package is not for rotating or deleting: move the file away while the
// application is stopped and it refuses to start, since what was delivered is
// gone. Nor is it for devices and pipes, which cannot be cut.
package file
