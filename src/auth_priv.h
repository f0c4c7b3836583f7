/* auth_priv.h: what the files of the auth module share. */
#ifndef SQUIRE_AUTH_PRIV_H
#define SQUIRE_AUTH_PRIV_H

#include <uthash.h>

#include "auth.h"
#include "auth_hash.h"
#include "auth_nonce.h"
#include "comm.h"

#define AUTH_MAGIC 0xa0740001u
#define AUTH_CONN_MAGIC 0xa0740002u
#define AUTH_ANSWER_MAGIC 0xa0740003u
#define AUTH_LINE_MAX 65535 /* of any scheme's query, with LF */
#define AUTH_ANSWERS_MAX 100000

/* How one scheme works. */
typedef struct AuthSchemeOps {
    /* Begin with check->rest. True: check is over. */
    bool (*start)(AuthScheme *scheme, AuthCheck *check);
    /* Basic and Digest: what the answer means for a check that waited. */
    void (*settle)(AuthScheme *scheme, AuthCheck *check,
                   const AuthAnswer *answer);
    /* The Proxy-Authenticate field. */
    int (*challenge)(AuthScheme *scheme, const AuthCheck *check,
                     AuthOffer *offer, Buf *out);
} AuthSchemeOps;

struct AuthScheme {
    Auth *auth;
    AuthKind kind;
    const AuthSchemeOps *ops;
    const ConfigAuthScheme *config; /* of auth->config */
    HelperPool *pool;               /* NULL: not configured */
    Format *extras;                 /* key_extras, or NULL */
    AuthAnswer *answers;            /* by key; the oldest first */
    unsigned generation;            /* another program makes another one */
};

struct Auth {
    uint32_t magic;
    Config *config;
    const struct AuthUseNames *names;
    AuthScheme schemes[AUTH_KIND_COUNT];
    AuthHash key;
    AuthNonceTable *nonces;
    ListNode leaving; /* pools that were stopped */
    CommTimer *timer;
    bool isStopping;
    int64_t quietUntilUs;
    uint64_t unsaid; /* complaints not written */
};

/* What a helper said about credentials, or is being asked. */
struct AuthAnswer {
    uint32_t magic;
    UT_hash_handle hh;
    AuthHash key;
    AuthScheme *scheme;
    HelperRequest *request; /* NULL: it is here */
    ListNode waiters;
    int64_t untilUs;
    bool isGood;
    bool isOld;      /* asked of a program that is not the present one */
    const char *why; /* constant; not good for this reason, or NULL */
    char *secret;    /* HA1 */
    char *message;
    NoteList notes;
};

/* Tell the log of credentials or answers that are wrong, at a bounded rate. */
void authComplain(Auth *auth, const AuthCheck *check, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The check is over, wrongly: why is told to the log. */
void authCheckRefuse(AuthCheck *check, const char *why);

/* The check is over: this user; copies. */
void authCheckAccept(AuthCheck *check, const char *user, const NoteList *notes);

/* Run the callback of a check that is over: the last act of its caller. */
void authCheckFinish(AuthCheck *check);

/* Append " EXTRAS" to line[*len .. size). False: there is no room. */
bool authAppendExtras(const AuthScheme *scheme, const AuthCheck *check,
                      char *line, size_t size, size_t *len);

/* The key of what is asked by line, of the present program. */
void authAnswerKey(const AuthScheme *scheme, HttpSlice line, AuthHash *keyOut);

/* What is kept under key, if it is good still; or NULL. Borrowed until the
 * next call. */
AuthAnswer *authAnswerLookup(AuthScheme *scheme, const AuthHash *key);

/* Forget it. */
void authAnswerDrop(AuthAnswer *answer);

/*
 * Ask the helpers, or wait with those who asked the same; check is settled
 * when they answer. True: that cannot be, and check is over.
 */
bool authAnswerAsk(AuthScheme *scheme, const AuthHash *key, HttpSlice line,
                   AuthCheck *check);

/* Forget all that is kept or waited for; nobody is told. */
void authAnswerClear(AuthScheme *scheme);

/* What the program said holds no more, nor what it will say to those who wait
 * beyond them; nor are connections anybody's. */
void authAnswerForget(AuthScheme *scheme);

/* The user of a connection, or NULL: it is nobody's, or its scheme is not
 * offered any more. Borrowed. */
const char *authConnUser(const AuthConn *conn);

/* The scheme by which that was found out. */
AuthKind authConnKind(const AuthConn *conn);

/* What the helper said about that user. Borrowed. */
const NoteList *authConnNotes(const AuthConn *conn);

/* The dialog that check waits for need not tell it, and is over. */
void authConnForget(AuthCheck *check);

/* Append realm as a quoted text. */
int authFormatQuoted(const char *text, Buf *out);

extern const AuthSchemeOps authBasicOps;
extern const AuthSchemeOps authDigestOps;
extern const AuthSchemeOps authDialogOps; /* NTLM and Negotiate */

#endif
