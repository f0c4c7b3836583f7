/* tls_stream.c: one TLS connection. DEBUG: section 83 */
#include "tls_priv.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "comm.h"
#include "xalloc.h"

#define TLS_STREAM_MAGIC 0x7157ea01u
#define RECORD_MAX 16384
#define WHY_MAX 160

struct TlsStream {
    uint32_t magic;
    SSL *ssl;
    TlsServer *server; /* NULL: we are a client */
    TlsClient *client;
    size_t unsent; /* octets of a record that the kernel had no room for */
    unsigned char readWants;
    unsigned char writeWants;
    bool isBroken; /* OpenSSL allows nothing any more */
    char why[WHY_MAX];
};

static TlsStream *
createStream(SSL_CTX *context, int fd)
{
    TlsStream *stream = xcalloc(1, sizeof(*stream));

    stream->magic = TLS_STREAM_MAGIC;
    stream->ssl = SSL_new(context);
    CHECK(stream->ssl != NULL && SSL_set_fd(stream->ssl, fd) == 1);
    stream->readWants = COMM_SELECT_READ;
    stream->writeWants = COMM_SELECT_WRITE;
    return stream;
}

TlsStream *
tlsStreamAccept(TlsServer *server, int fd)
{
    TlsStream *stream = createStream(server->context, fd);

    stream->server = tlsServerRef(server);
    SSL_set_accept_state(stream->ssl);
    return stream;
}

/* A host that cannot be looked for in certificates is in none. */
static void
expectHost(SSL *ssl, const char *host, bool isAddress, TlsTrust trust)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    int rc;

    SSL_set_verify(
        ssl, trust == TLS_TRUST_ANYONE ? SSL_VERIFY_NONE : SSL_VERIFY_PEER,
        NULL);
    if (trust != TLS_TRUST_HOST)
        return;
    rc = isAddress ? X509_VERIFY_PARAM_set1_ip_asc(param, host)
                   : X509_VERIFY_PARAM_set1_host(param, host, 0);
    if (rc != 1)
        X509_VERIFY_PARAM_set1_host(param, "invalid", 0);
}

TlsStream *
tlsStreamConnect(TlsClient *client, int fd, const char *host, TlsTrust trust)
{
    TlsStream *stream = createStream(tlsClientContext(client), fd);
    bool isAddress =
        host[strspn(host, "0123456789.")] == '\0' || strchr(host, ':') != NULL;

    stream->client = tlsClientRef(client);
    SSL_set_connect_state(stream->ssl);
    expectHost(stream->ssl, host, isAddress, trust);
    if (!isAddress)
        SSL_ctrl(stream->ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME,
                 TLSEXT_NAMETYPE_host_name, (void *)(uintptr_t)host);
    return stream;
}

void
tlsStreamDestroy(TlsStream **streamPtr)
{
    TlsStream *stream = *streamPtr;

    if (stream == NULL)
        return;
    *streamPtr = NULL;
    CHECK_OBJ(stream, TLS_STREAM_MAGIC);
    SSL_free(stream->ssl);
    tlsServerUnref(&stream->server);
    tlsClientUnref(&stream->client);
    CHECK_OBJ_CLEAR(stream);
    free(stream);
}

static bool
isReason(unsigned long code, int reason)
{
    return ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == reason;
}

static void
explain(TlsStream *stream, unsigned long code)
{
    long verdict = SSL_get_verify_result(stream->ssl);

    if (isReason(code, SSL_R_HTTP_REQUEST))
        snprintf(stream->why, WHY_MAX, "plain HTTP where TLS is due");
    else if (isReason(code, SSL_R_CERTIFICATE_VERIFY_FAILED))
        snprintf(stream->why, WHY_MAX, "%s: %s",
                 tlsFileReason(code, "verification failed"),
                 X509_verify_cert_error_string(verdict));
    else
        snprintf(stream->why, WHY_MAX, "%s",
                 tlsFileReason(code, "the connection broke"));
}

/* The errno for what OpenSSL says: EAGAIN with *wants set, or the reason
 * kept and the stream of no more use. 0: the other side has ended. */
static int
errnoOf(TlsStream *stream, int result, unsigned char *wants)
{
    int saved = errno;
    int kind = SSL_get_error(stream->ssl, result);
    unsigned long code = ERR_peek_error();

    if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE) {
        *wants =
            kind == SSL_ERROR_WANT_READ ? COMM_SELECT_READ : COMM_SELECT_WRITE;
        return EAGAIN;
    }
    if (kind == SSL_ERROR_ZERO_RETURN)
        return 0;
    stream->isBroken = true;
    if (kind == SSL_ERROR_SYSCALL ||
        isReason(code, SSL_R_UNEXPECTED_EOF_WHILE_READING)) {
        saved = kind == SSL_ERROR_SYSCALL && saved != 0 ? saved : ECONNRESET;
        snprintf(stream->why, WHY_MAX, "%s", strerror(saved));
    } else {
        explain(stream, code);
        saved = EPROTO;
    }
    ERR_clear_error();
    return saved;
}

static void
prepare(void)
{
    ERR_clear_error();
    errno = 0;
}

int
tlsStreamHandshake(TlsStream *stream)
{
    CHECK_OBJ(stream, TLS_STREAM_MAGIC);
    prepare();
    int result = SSL_do_handshake(stream->ssl);
    if (result == 1) {
        stream->readWants = COMM_SELECT_READ;
        return 0;
    }
    int error = errnoOf(stream, result, &stream->readWants);
    if (error == 0) {
        snprintf(stream->why, WHY_MAX, "the other side has ended");
        error = ECONNRESET;
    }
    return -error;
}

ssize_t
tlsStreamRead(TlsStream *stream, void *out, size_t size)
{
    size_t len = 0;

    CHECK_OBJ(stream, TLS_STREAM_MAGIC);
    if (stream->isBroken)
        return errno = ECONNRESET, -1;
    prepare();
    int result = SSL_read_ex(stream->ssl, out, size, &len);
    if (result == 1) {
        stream->readWants = COMM_SELECT_READ;
        return (ssize_t)len;
    }
    int error = errnoOf(stream, result, &stream->readWants);
    if (error == 0)
        return 0;
    errno = error;
    return -1;
}

/* What goes into one record: where it is, or a copy in room. */
static const char *
joinPieces(const struct iovec *iov, int count, char room[RECORD_MAX],
           size_t *lenOut)
{
    size_t len = 0;

    if (count == 1 || (count > 0 && iov[0].iov_len >= RECORD_MAX)) {
        *lenOut = iov[0].iov_len < RECORD_MAX ? iov[0].iov_len : RECORD_MAX;
        return iov[0].iov_base;
    }
    for (int i = 0; i < count && len < RECORD_MAX; i++) {
        size_t part = iov[i].iov_len;

        if (part > RECORD_MAX - len)
            part = RECORD_MAX - len;
        if (part > 0)
            memcpy(room + len, iov[i].iov_base, part);
        len += part;
    }
    *lenOut = len;
    return room;
}

ssize_t
tlsStreamWritev(TlsStream *stream, const struct iovec *iov, int count)
{
    char room[RECORD_MAX];
    size_t len = 0, sent = 0;

    CHECK_OBJ(stream, TLS_STREAM_MAGIC);
    if (stream->isBroken)
        return errno = EPIPE, -1;
    const char *octets = joinPieces(iov, count, room, &len);
    if (len == 0)
        return 0;
    /* The rest of a record that waits cannot be taken back. */
    if (len < stream->unsent)
        return errno = EPIPE, -1;
    size_t due = stream->unsent > 0 ? stream->unsent : len;
    prepare();
    int result = SSL_write_ex(stream->ssl, octets, due, &sent);
    if (result == 1) {
        stream->unsent = 0;
        stream->writeWants = COMM_SELECT_WRITE;
        return (ssize_t)sent;
    }
    int error = errnoOf(stream, result, &stream->writeWants);
    if (error == EAGAIN)
        stream->unsent = due;
    errno = error != 0 ? error : EPIPE;
    return -1;
}

int
tlsStreamShutdown(TlsStream *stream)
{
    CHECK_OBJ(stream, TLS_STREAM_MAGIC);
    if (stream->isBroken)
        return -EPIPE;
    prepare();
    int result = SSL_shutdown(stream->ssl);
    if (result >= 0)
        return 0;
    return -errnoOf(stream, result, &stream->writeWants);
}

unsigned
tlsStreamReadWants(const TlsStream *stream)
{
    CHECK_OBJ(stream, TLS_STREAM_MAGIC);
    return stream->readWants;
}

unsigned
tlsStreamWriteWants(const TlsStream *stream)
{
    CHECK_OBJ(stream, TLS_STREAM_MAGIC);
    return stream->writeWants;
}

bool
tlsStreamHasPending(const TlsStream *stream)
{
    CHECK_OBJ(stream, TLS_STREAM_MAGIC);
    return SSL_has_pending(stream->ssl) == 1;
}

const char *
tlsStreamWhy(const TlsStream *stream)
{
    CHECK_OBJ(stream, TLS_STREAM_MAGIC);
    return stream->why;
}

bool
tlsStreamSpeaks(const TlsStream *stream, const char *protocol)
{
    const unsigned char *chosen = NULL;
    unsigned len = 0;

    CHECK_OBJ(stream, TLS_STREAM_MAGIC);
    SSL_get0_alpn_selected(stream->ssl, &chosen, &len);
    return len == strlen(protocol) && memcmp(chosen, protocol, len) == 0;
}

void
tlsStreamInfo(const TlsStream *stream, TlsInfo *infoOut)
{
    SSL *ssl = stream->ssl;

    CHECK_OBJ(stream, TLS_STREAM_MAGIC);
    *infoOut = (TlsInfo){
        .version = SSL_get_version(ssl),
        .cipher = SSL_get_cipher_name(ssl),
        .serverName = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name),
        .isResumed = SSL_session_reused(ssl) == 1,
        .hasPeerCert = SSL_get0_peer_certificate(ssl) != NULL,
    };
}

static bool
isWholeName(const char *field)
{
    return strcmp(field, "DN") == 0;
}

bool
tlsIsNameField(const char *field)
{
    return isWholeName(field) || OBJ_txt2nid(field) != NID_undef;
}

static bool
copyWhole(X509_NAME *name, char *out, size_t size)
{
    char *text = X509_NAME_oneline(name, NULL, 0);
    bool isCopied = text != NULL && strlen(text) < size;

    if (isCopied)
        memcpy(out, text, strlen(text) + 1);
    OPENSSL_free(text);
    return isCopied;
}

bool
tlsStreamPeerField(const TlsStream *stream, bool isIssuer, const char *field,
                   char *out, size_t size)
{
    CHECK_OBJ(stream, TLS_STREAM_MAGIC);
    X509 *cert = SSL_get0_peer_certificate(stream->ssl);
    if (cert == NULL)
        return false;
    X509_NAME *name =
        isIssuer ? X509_get_issuer_name(cert) : X509_get_subject_name(cert);
    if (isWholeName(field))
        return copyWhole(name, out, size);
    int at = X509_NAME_get_index_by_NID(name, OBJ_txt2nid(field), -1);
    if (at < 0)
        return false;
    unsigned char *text = NULL;
    int len = ASN1_STRING_to_UTF8(
        &text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
    bool isCopied = len >= 0 && (size_t)len < size &&
                    memchr(text, '\0', (size_t)len) == NULL;
    if (isCopied) {
        memcpy(out, text, (size_t)len);
        out[len] = '\0';
    }
    OPENSSL_free(text);
    return isCopied;
}
