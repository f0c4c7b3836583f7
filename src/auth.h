/*
 * auth.h: who the users are (RFC 9110 11): auth_param's schemes.
 *
 * Credentials of a request are checked by helpers, or by what is kept of
 * their answers. Basic and Digest are about one request; NTLM and Negotiate
 * are dialogs that make a client's connection the user's (AuthConn). No
 * answer of a helper does more than to refuse the credentials it was asked
 * about. Thread: loop.
 */
#ifndef SQUIRE_AUTH_H
#define SQUIRE_AUTH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "buf.h"
#include "config.h"
#include "format.h"
#include "helper.h"
#include "http_slice.h"
#include "list.h"
#include "note.h"

typedef struct Auth Auth;
typedef struct AuthAnswer AuthAnswer;
typedef struct AuthCheck AuthCheck;
typedef struct AuthConn AuthConn;
typedef struct AuthScheme AuthScheme;

typedef enum AuthOutcome {
    AUTH_UNKNOWN, /* not checked, or not yet */
    AUTH_GOOD,
    AUTH_MISSING, /* there are no credentials */
    AUTH_WRONG,
    AUTH_GOES_ON, /* the client is to answer the helper's token */
    AUTH_OUTCOME_COUNT
} AuthOutcome;

/* What there is to check; borrowed until the check is over. */
typedef struct AuthQuery {
    HttpSlice header; /* Proxy-Authorization or so; absent: none */
    HttpSlice method;
    HttpSlice target; /* as the client wrote it */
    const struct sockaddr *client;
    AuthConn **conn;    /* NULL inside: nothing is known of the connection */
    FormatInput format; /* for key_extras */
} AuthQuery;

/* Runs when a check is over. */
typedef void AuthCheckCb(AuthCheck *check, void *data);

/* One check; lives in its asker, who reads the upper part. */
struct AuthCheck {
    AuthOutcome outcome;
    AuthKind kind;      /* of the credentials; AUTH_KIND_COUNT: unknown */
    char *user;         /* AUTH_GOOD */
    char *claimed;      /* who the client says it is, for the log; or NULL */
    char *message;      /* of the helper, about wrong ones; or NULL */
    char *token;        /* for the client, of AUTH_GOES_ON and after */
    bool isStale;       /* AUTH_WRONG only because of an old nonce */
    bool isNonceUsedUp; /* AUTH_GOOD, and the client should get another */
    NoteList notes;     /* what the helper said */

    AuthQuery query; /* the rest is auth's own */
    Auth *auth;
    AuthCheckCb *cb; /* NULL: nothing is going on */
    void *data;
    HttpSlice rest;
    ListNode node;  /* among those who wait for an answer */
    AuthConn *conn; /* of a dialog */
};

/* Whose users: what they log in to decides about directives and fields. */
typedef enum AuthUse {
    AUTH_USE_PROXY,   /* auth_param, Proxy-Authorization */
    AUTH_USE_MANAGER, /* manager_auth, Authorization */
    AUTH_USE_COUNT
} AuthUse;

/* Make what config says for this use and start its pools; keeps a reference
 * to config. Returns owned; a pool that cannot be made is logged. */
Auth *authCreate(Config *config, AuthUse use);

/* Go on with another configuration: pools change only where it does. */
void authReconfigure(Auth *auth, Config *config);

/* Replace the processes that write to the debug log by themselves; the old
 * ones finish for drainMs. */
void authRotate(Auth *auth, int drainMs);

/* Let the helpers finish for drainMs; goes on in the loop. Harmless when
 * repeated. */
void authStop(Auth *auth, int drainMs);

/* True once authStop has nothing more to do. */
bool authIsStopped(const Auth *auth);

/* Free it; checks must be over or cancelled, connections destroyed. Clears
 * *auth; NULL inside is accepted. */
void authDestroy(Auth **auth);

/* Make caller's storage empty. */
void authCheckInit(AuthCheck *check);

/*
 * Check the credentials of query, which is copied, its texts borrowed until
 * the check is over. True: it is over, cb will not run. False: cb runs
 * exactly once, later, or authCheckCancel is called.
 */
bool authCheckStart(AuthCheck *check, Auth *auth, const AuthQuery *query,
                    AuthCheckCb *cb, void *data);

/* Stop waiting and forget everything. cb will not run. */
void authCheckCancel(AuthCheck *check);

/* Forget a connection's user and dialog. Clears *conn; NULL inside is
 * accepted. */
void authConnDestroy(AuthConn **conn);

/* How a 407 has to be sent. */
typedef struct AuthOffer {
    bool mayKeepAlive; /* the client's connection can stay open */
    bool mustClose;    /* set: and may not */
} AuthOffer;

/* Append the Proxy-Authenticate (WWW-Authenticate) fields, with CR LF, that
 * answer this check, to out. -ENOBUFS. */
int authFormatChallenge(Auth *auth, const AuthCheck *check, AuthOffer *offer,
                        Buf *out);

/* Append the Proxy-Authentication-Info (Authentication-Info) field of a
 * successful check, or nothing. -ENOBUFS. */
int authFormatInfo(Auth *auth, const AuthCheck *check, Buf *out);

#endif
