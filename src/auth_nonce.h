/*
 * auth_nonce.h: the nonces of Digest (RFC 7616 3.3).
 *
 * A nonce is its time, random octets, and a MAC of both, so one that was only
 * given out needs no memory; only those that came back with a right response
 * are kept, as long as they are good. The table is bounded: when it is full,
 * the oldest leaves, and with it all that were not used before. Time is a
 * parameter, in milliseconds from anywhere. Thread: the owner of the table.
 */
#ifndef SQUIRE_AUTH_NONCE_H
#define SQUIRE_AUTH_NONCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AUTH_NONCE_SIZE 65 /* of the text, with NUL */

typedef struct AuthNonceTable AuthNonceTable;

typedef struct AuthNonceRules {
    int64_t maxMs;     /* nonce_max_duration */
    int64_t garbageMs; /* nonce_garbage_interval */
    unsigned countMax; /* nonce_max_count: uses */
    bool isStrict;     /* nonce_strictness: nc grows by one each time */
    bool isCounted;    /* check_nonce_count */
} AuthNonceRules;

typedef enum AuthNonceState {
    AUTH_NONCE_GOOD,
    AUTH_NONCE_LAST,     /* good, but not again */
    AUTH_NONCE_STALE,    /* too old, or used too often */
    AUTH_NONCE_REPLAYED, /* this nc was there already */
    AUTH_NONCE_FOREIGN,  /* not from this table */
    AUTH_NONCE_STATE_COUNT
} AuthNonceState;

/* A table for at most max nonces in use. Returns owned. */
AuthNonceTable *authNonceTableCreate(size_t max);

/* Free it. Clears *table; NULL inside is accepted. */
void authNonceTableDestroy(AuthNonceTable **table);

/* Make a nonce. */
void authNonceIssue(AuthNonceTable *table, int64_t nowMs,
                    char out[AUTH_NONCE_SIZE]);

/*
 * A request came with this nonce, count (0: without qop, which is good once
 * when counts are checked) and a right response: may it pass?
 */
AuthNonceState authNonceUse(AuthNonceTable *table, const AuthNonceRules *rules,
                            const char *nonce, uint32_t count, int64_t nowMs);

/* Nonces in use. */
size_t authNonceTableCount(const AuthNonceTable *table);

/* What a state is called in the log; constant. */
const char *authNonceStateName(AuthNonceState state);

#endif
