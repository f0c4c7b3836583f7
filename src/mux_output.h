/*
 * mux_output.h: reply lines to Squid, by squire-mux: pure, no I/O.
 */
#ifndef SQUIRE_MUX_OUTPUT_H
#define SQUIRE_MUX_OUTPUT_H

#include "buf.h"
#include "helper_proto.h"

#define MUX_OUTPUT_MORE 440 /* octets of a line beyond ID and helper's text */

/*
 * Append a reply line: ID and blank (idLen 0: neither), and what the helper
 * said, as it is. A reply that the pool made becomes OK, or ERR, or
 * BH message="...". 0, or -ENOBUFS and nothing is appended.
 */
int muxOutputReply(Buf *out, const char *id, size_t idLen,
                   const HelperReply *reply);

/* Append BH message="why" the same way. */
int muxOutputRefuse(Buf *out, const char *id, size_t idLen, const char *why);

#endif
