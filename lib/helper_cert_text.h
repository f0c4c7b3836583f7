/* helper_cert_text.h: lines, PEM blocks and numbers in texts about
 * certificates. Thread: any. */
#ifndef SQUIRE_HELPER_CERT_TEXT_H
#define SQUIRE_HELPER_CERT_TEXT_H

#include "helper_cert.h"

#define HELPER_CERT_KEY "cert_" /* and a number */

/* What is left to read of a text. */
typedef struct HelperCertCursor {
    const char *at, *end;
} HelperCertCursor;

/* True when there is an octet below 0x20, or 0x7f. */
bool helperCertHasControl(const char *text, size_t len);

/* True when text begins with start. */
bool helperCertStartsWith(const HelperCertText *text, const char *start);

/* True when text ends with end. */
bool helperCertEndsWith(const HelperCertText *text, const char *end);

/* True when text and other are the same. */
bool helperCertIsText(const HelperCertText *text, const char *other);

/* Take the next line, without its end; false when nothing is left. */
bool helperCertTakeLine(HelperCertCursor *cursor, HelperCertText *lineOut);

/* Take a PEM block with its last line end, when one is next; its label is
 * like CERTIFICATE. */
bool helperCertTakePem(HelperCertCursor *cursor, HelperCertText *blockOut,
                       HelperCertText *labelOut);

/* True when text is the prefix, a number up to HELPER_CERT_NUMBER_MAX, and
 * nothing else. */
bool helperCertReadNumberAfter(const HelperCertText *text, const char *prefix,
                               unsigned *numberOut);

/* Let *bodyOut be what comes after the length that an answer begins with.
 * What is wrong with it, or NULL. */
const char *helperCertFindBody(const HelperReply *reply,
                               HelperCertCursor *bodyOut);

#endif
