/*
 * tls.h: TLS over connected, non-blocking sockets, by OpenSSL.
 *
 * A TlsServer (certificates, who may come in) and a TlsClient (who is
 * trusted) are made from files once, are never changed and are counted. A
 * TlsStream is one connection; it is read and written as a socket is, and
 * tells what to wait for instead of waiting. TLS 1.2 and 1.3.
 *
 * SIGPIPE must be ignored in this process. Thread: any, one at a time for
 * each stream; the calls that read files: any, they block.
 */
#ifndef SQUIRE_TLS_H
#define SQUIRE_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ssl_ctx_st; /* OpenSSL's SSL_CTX */

typedef struct TlsServer TlsServer;
typedef struct TlsClient TlsClient;
typedef struct TlsStream TlsStream;

typedef enum TlsVersion {
    TLS_VERSION_1_2,
    TLS_VERSION_1_3,
    TLS_VERSION_COUNT
} TlsVersion;

/* What a server wants to know of its clients. */
typedef enum TlsVerify {
    TLS_VERIFY_NONE,     /* no certificate is asked for */
    TLS_VERIFY_OPTIONAL, /* one that is given must be good */
    TLS_VERIFY_REQUIRE,
    TLS_VERIFY_COUNT
} TlsVerify;

/* A certificate and the key that belongs to it, PEM. The certificate's file
 * may go on with those that vouch for it, up to the root. */
typedef struct TlsPair {
    const char *cert;
    const char *key; /* NULL: it is in the certificate's file */
} TlsPair;

/* Who vouches for the other side; each is NULL or a path. */
typedef struct TlsAuthority {
    const char *caFile;
    const char *caPath;  /* a folder as c_rehash makes it */
    const char *crlFile; /* revoked certificates; from then on, each
                            certificate needs its list */
    bool useSystem;      /* those of the system, too */
} TlsAuthority;

/* Strings are OpenSSL's; NULL: its default. */
typedef struct TlsPolicy {
    TlsVersion minVersion;
    const char *ciphers; /* of TLS 1.2 */
    const char *suites;  /* of TLS 1.3 */
} TlsPolicy;

typedef struct TlsServerConfig {
    const TlsPair *pairs; /* one is chosen by the name that the client asks
                             for (SNI); the first if none has that name */
    size_t pairCount;
    const char *const *alpn; /* NULL-terminated, best first; NULL: any client
                                protocol will do */
    TlsVerify verify;
    const char *clientCa;   /* a file of certificates that vouch for clients,
                               and that clients are told of; or NULL */
    TlsAuthority authority; /* further ones */
    TlsPolicy policy;
    const char *context; /* sessions are resumed within one; NULL: "" */
    bool noResumption;
} TlsServerConfig;

typedef struct TlsClientConfig {
    TlsPair pair; /* to show to servers that ask; cert NULL: none */
    TlsAuthority authority;
    TlsPolicy policy;
} TlsClientConfig;

/*
 * Read the files of config, which is borrowed until return. Returns owned
 * (one reference), or NULL with errno (ENOENT, EACCES, ... for a file;
 * EINVAL for what is in it) and *whyOut an owned text "FILE: REASON".
 */
TlsServer *tlsServerCreate(const TlsServerConfig *config, char **whyOut);

/* When the certificate of that pair is out of date, in seconds since 1970. */
int64_t tlsServerExpires(const TlsServer *server, size_t pair);

/* Take one more reference; returns server. */
TlsServer *tlsServerRef(TlsServer *server);

/* Drop a reference; streams have their own. Clears *server; NULL inside is
 * accepted. */
void tlsServerUnref(TlsServer **server);

/* Clients of older may resume their sessions with server, which nobody uses
 * yet. Nothing happens if one of them verifies clients: who was good for the
 * older one may not be now. */
void tlsServerInherit(TlsServer *server, const TlsServer *older);

/* As tlsServerCreate. */
TlsClient *tlsClientCreate(const TlsClientConfig *config, char **whyOut);

/* Take one more reference; returns client. */
TlsClient *tlsClientRef(TlsClient *client);

/* Drop a reference. Clears *client; NULL inside is accepted. */
void tlsClientUnref(TlsClient **client);

/* A number that no other client in this process has, to tell connections
 * with different trust apart. */
uint64_t tlsClientId(const TlsClient *client);

/* Have an OpenSSL context of somebody else (as libcurl's) trust, show and
 * accept what client does. 0 or -EINVAL. */
int tlsClientApply(const TlsClient *client, struct ssl_ctx_st *context);

/* The server's end on fd, which stays the caller's and must outlive the
 * stream. Returns owned. */
TlsStream *tlsStreamAccept(TlsServer *server, int fd);

/* What a client wants to be sure of. */
typedef enum TlsTrust {
    TLS_TRUST_HOST,   /* it is that host */
    TLS_TRUST_CHAIN,  /* its certificate is good, for whatever name */
    TLS_TRUST_ANYONE, /* nothing */
    TLS_TRUST_COUNT
} TlsTrust;

/* The client's end on fd, as above. host, a name or an address, is asked for
 * and borrowed until return. */
TlsStream *tlsStreamConnect(TlsClient *client, int fd, const char *host,
                            TlsTrust trust);

/* Free it, without a word to the other side. Clears *stream; NULL inside is
 * accepted. */
void tlsStreamDestroy(TlsStream **stream);

/* Go on with the handshake. 0: done; -EAGAIN: call again when
 * tlsStreamReadWants is there; other -errno: it failed, tlsStreamWhy tells. */
int tlsStreamHandshake(TlsStream *stream);

/* As read(2) on a non-blocking socket: octets, 0 at the end that the other
 * side has told, -1 with errno. ECONNRESET: it ended without telling,
 * EPROTO: what came is not TLS. */
ssize_t tlsStreamRead(TlsStream *stream, void *out, size_t size);

/* As writev(2), with at most 16 KiB at a time. After EAGAIN the next call
 * must begin with the same octets, as the rest of one text does. */
ssize_t tlsStreamWritev(TlsStream *stream, const struct iovec *iov, int count);

/* Tell the other side that no more octets come. Reading stays possible. 0,
 * -EAGAIN (call again when tlsStreamWriteWants is there), other -errno. */
int tlsStreamShutdown(TlsStream *stream);

/* COMM_SELECT_READ or COMM_SELECT_WRITE: what the handshake or a read that
 * gave EAGAIN waits for. */
unsigned tlsStreamReadWants(const TlsStream *stream);

/* The same for writing and shutdown. */
unsigned tlsStreamWriteWants(const TlsStream *stream);

/* True when octets were taken from the socket and not yet read: it may never
 * be readable again. */
bool tlsStreamHasPending(const TlsStream *stream);

/* What went wrong last, for people; returns borrowed until the next call
 * with stream. */
const char *tlsStreamWhy(const TlsStream *stream);

typedef struct TlsInfo {
    const char *version;    /* "TLSv1.3" */
    const char *cipher;
    const char *serverName; /* that the client asked for, or NULL */
    bool isResumed;
    bool hasPeerCert; /* a client certificate was shown, and is good */
} TlsInfo;

/* True when both sides agreed on this protocol (ALPN). */
bool tlsStreamSpeaks(const TlsStream *stream, const char *protocol);

/* True for what tlsStreamPeerField knows as a field: "CN", "emailAddress", an
 * OID, or "DN" for the whole name. */
bool tlsIsNameField(const char *field);

/*
 * Copy a field of the name that the other side's certificate is for, or of
 * who vouches for it (isIssuer), to out, with NUL; "DN" is "/C=DE/CN=x".
 * False: there is no certificate, no such field, or no room for it.
 */
bool tlsStreamPeerField(const TlsStream *stream, bool isIssuer,
                        const char *field, char *out, size_t size);

/* The outcome of the handshake; texts are borrowed while stream lives. */
void tlsStreamInfo(const TlsStream *stream, TlsInfo *infoOut);

#ifdef __cplusplus
}
#endif

#endif
