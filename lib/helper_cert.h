/*
 * helper_cert.h: what programs that make or check TLS certificates are asked
 * and answer, as described in doc/helper-protocol.md. Pure: no I/O, no
 * allocation. A pool of them has HelperConfig.endMark HELPER_CERT_END, and a
 * lineMax and replyMax for chains of certificates. Thread: any.
 */
#ifndef SQUIRE_HELPER_CERT_H
#define SQUIRE_HELPER_CERT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "helper_proto.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HELPER_CERT_END '\x01'
#define HELPER_CERT_MAKE "new_certificate"
#define HELPER_CERT_CHECK "cert_validate"
#define HELPER_CERT_ERRORS_MAX 64
#define HELPER_CERT_NUMBER_MAX 99999 /* of a cert_N and an error_..._N */

typedef struct HelperCertRequest {
    const char *code;         /* HELPER_CERT_MAKE or HELPER_CERT_CHECK */
    const HelperPair *params; /* "host" and others, in this order */
    unsigned paramCount;
    const char *pem; /* what follows them: the signing certificate, its key
                        and the one to mimic; may be NULL when pemLen is 0 */
    size_t pemLen;
} HelperCertRequest;

/* Octets of an answer; no NUL at their end. */
typedef struct HelperCertText {
    const char *data;
    size_t len;
} HelperCertText;

/* A certificate that was made: both PEM. */
typedef struct HelperCertMade {
    HelperCertText cert, key;
} HelperCertMade;

typedef struct HelperCertError {
    unsigned number;       /* as the program counts */
    HelperCertText name;   /* X509_V_ERR_... or SQUID_X509_V_ERR_... */
    HelperCertText reason; /* for people; len 0: not said */
    unsigned certNumber;   /* it is about cert_N */
    HelperCertText cert;   /* of the answer, as PEM; len 0: that of the
                              request is meant */
    int depth;             /* in the chain; -1: not said */
} HelperCertError;

typedef struct HelperCertVerdict {
    bool isValid; /* then there are no errors; else at least one */
    unsigned errorCount;
    HelperCertError errors[HELPER_CERT_ERRORS_MAX];
} HelperCertVerdict;

/*
 * Write a request as helperSubmitLen takes it: code SP length SP, each
 * param as key=value LF, pem. The one LF that ends a value is dropped.
 * Octets written without NUL; -ENOBUFS; or -EINVAL with the reason, a
 * constant, in *whyOut: a bad code or key, a control octet in a value that
 * is not one PEM block, pem that is not PEM blocks only.
 */
ssize_t helperCertFormatRequest(const HelperCertRequest *request, char *out,
                                size_t size, const char **whyOut);

/*
 * Read the answer to HELPER_CERT_MAKE; madeOut borrows it. 0; or -EBADMSG
 * with the reason, a constant, in *whyOut: not OK, a length that is not
 * that of the rest, something else than one certificate and one key.
 */
int helperCertParseMade(const HelperReply *reply, HelperCertMade *madeOut,
                        const char **whyOut);

/*
 * Read the answer to HELPER_CERT_CHECK; verdictOut borrows it. 0; or
 * -EBADMSG with the reason, a constant, in *whyOut: neither OK nor ERR, a
 * wrong length, OK with errors or ERR without, an unknown or repeated key,
 * an error without name or certificate, a name of another kind, control
 * octets, too many errors.
 */
int helperCertParseVerdict(const HelperReply *reply,
                           HelperCertVerdict *verdictOut, const char **whyOut);

#ifdef __cplusplus
}
#endif

#endif
