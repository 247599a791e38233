// Package module reads module files: the module.yaml of StateFun, which says where
// an application's functions are and what its ingresses and egresses are bound to.
//
// YAML goes in, a validated [Module] comes out. Nothing is started and no network
// is used; the files that a module names (certificates, secrets) are looked for.
//
// # Files
//
// A module is one or more files, merged: both formats that StateFun 3.x reads, the
// stream of documents with a kind and a spec each, and the single document of 3.0
// with its version, yield the same model. A directory stands for the files
// module.yaml in it and in the directories right below it. No two components may
// have the same id or functions, in whatever files they are.
//
// # Beyond StateFun
//
// Any scalar value may refer to the environment and to files:
//
//	${NAME}            the environment variable; that it is not set is an error
//	${NAME:-default}   the same, or default if it is not set or empty
//	${file:/path}      the content of a file, without the line feed at its end; a
//	                   relative path begins at the directory of the module file
//	$${                the two characters ${
//
// Keys are taken as they are, and so is what a reference yields. What it yields
// may be a secret: errors and warnings show the reference instead.
//
// Endpoints have more fields:
//
//	headers         a mapping of names to values, sent with every request
//	maxAttempts     attempts of a message before it is quarantined, or the word
//	                unlimited, which is what StateFun does; the application's
//	                own number if it is not given
//	maxBatchBytes   bytes of one request above which a batch is split
//	maxInFlight     requests under way at a time, over all addresses
//	verifyHostname  false accepts a certificate for another host, as StateFun's
//	                asynchronous transport does; true if it is not given
//
// YAML's anchors, aliases and merge keys work. A key that is there twice is an
// error.
//
// # Errors and warnings
//
// Each names file, line, column and field, says what was expected and what was
// found, and has the text that StateFun has for it, if there is one. Reading goes
// on after an error, so that one attempt finds as many as possible. What StateFun
// ignores, such as an unknown key, is a warning.
//
// # Limits
//
// A file has at most 1 MiB, its content at most 100,000 values (aliases counted as
// often as they are used) in 64 levels, and at most 1,000 files are read.
package module
