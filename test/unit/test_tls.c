/* test_tls.c: both ends in one process, over a socketpair; the client is
 * OpenSSL's own. Section 7 of the design. */
#include "tls.h"

#include "cert.h"
#include "comm.h"
#include "fd.h"
#include "support.h"
#include "xalloc.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PAIRS_MAX 4

static int fds[2]; /* ours, the client's */
static TlsServer *server;
static TlsStream *stream;
static SSL *client;
static char *texts[2 * PAIRS_MAX + 2];
static unsigned textCount;
static TlsPair pairs[PAIRS_MAX];

/* The path of a file that lives as long as the test. */
static const char *
keep(char *text)
{
    cr_assert_lt(textCount, sizeof(texts) / sizeof(texts[0]));
    return texts[textCount++] = text;
}

static void
setUp(void)
{
    signal(SIGPIPE, SIG_IGN);
    supportInit();
    supportSocketPair(fds);
    certMake(&(CertSpec){.name = "ca"});
    certMake(&(CertSpec){.name = "a", .host = "a.test", .issuer = "ca"});
}

static void
tearDown(void)
{
    certClientFree(&client);
    tlsStreamDestroy(&stream);
    tlsServerUnref(&server);
    while (textCount > 0)
        free(texts[--textCount]);
    fdClosep(&fds[0]);
    fdClosep(&fds[1]);
    supportFini();
}

TestSuite(tls, .init = setUp, .fini = tearDown, .timeout = 30);

static TlsPair
pairOf(const char *name)
{
    return (TlsPair){.cert = keep(certPath(name, ".crt")),
                     .key = keep(certPath(name, ".key"))};
}

static TlsServerConfig
configFor(const char *name)
{
    pairs[0] = pairOf(name);
    return (TlsServerConfig){.pairs = pairs, .pairCount = 1};
}

static TlsServer *
create(const TlsServerConfig *config)
{
    char *why = NULL;
    TlsServer *made = tlsServerCreate(config, &why);

    cr_assert_not_null(made, "%s", why);
    return made;
}

static void
open(const TlsServerConfig *config)
{
    server = create(config);
    stream = tlsStreamAccept(server, fds[0]);
    client = certClient(fds[1], "ca");
}

/* Let both ends go on until ours is done. What it came to. */
static int
shakeHands(void)
{
    int rc = -EAGAIN;

    for (int turn = 0; turn < 20 && rc == -EAGAIN; turn++) {
        SSL_do_handshake(client);
        rc = tlsStreamHandshake(stream);
    }
    SSL_do_handshake(client);
    return rc;
}

static const char *
peerHost(void)
{
    static char name[64];
    X509 *cert = SSL_get1_peer_certificate(client);

    cr_assert_not_null(cert);
    X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, name,
                              sizeof(name));
    X509_free(cert);
    return name;
}

static void
say(const char *text)
{
    cr_assert_eq(SSL_write(client, text, (int)strlen(text)), (int)strlen(text));
}

static void
expectHeard(const char *text)
{
    char got[256] = "";

    cr_assert_eq(tlsStreamRead(stream, got, sizeof(got) - 1),
                 (ssize_t)strlen(text));
    cr_assert_str_eq(got, text);
}

Test(tls, octets_pass_both_ways)
{
    TlsServerConfig config = configFor("a");
    char got[64] = "";
    char one[] = "one ", two[] = "two";
    struct iovec iov[] = {{one, 4}, {NULL, 0}, {two, 3}};
    TlsInfo info;

    open(&config);
    cr_assert_eq(shakeHands(), 0, "%s", tlsStreamWhy(stream));
    cr_assert_eq(SSL_get_verify_result(client), X509_V_OK);
    say("hello");
    expectHeard("hello");
    cr_assert_eq(tlsStreamWritev(stream, iov, 3), 7);
    cr_assert_eq(SSL_read(client, got, sizeof(got)), 7);
    cr_assert_str_eq(got, "one two");
    tlsStreamInfo(stream, &info);
    cr_assert_str_eq(info.version, "TLSv1.3");
    cr_assert_not(info.hasPeerCert);
    cr_assert_null(info.serverName);
}

Test(tls, handshake_and_reading_tell_what_they_wait_for)
{
    TlsServerConfig config = configFor("a");
    char octet;

    open(&config);
    cr_assert_eq(tlsStreamHandshake(stream), -EAGAIN);
    cr_assert_eq(tlsStreamReadWants(stream), COMM_SELECT_READ);
    cr_assert_eq(shakeHands(), 0);
    cr_assert_eq(tlsStreamRead(stream, &octet, 1), -1);
    cr_assert_eq(errno, EAGAIN);
    cr_assert_eq(tlsStreamReadWants(stream), COMM_SELECT_READ);
}

Test(tls, what_was_taken_from_the_socket_is_pending)
{
    TlsServerConfig config = configFor("a");
    char got[4];

    open(&config);
    cr_assert_eq(shakeHands(), 0);
    say("12345678");
    cr_assert_not(tlsStreamHasPending(stream));
    cr_assert_eq(tlsStreamRead(stream, got, 4), 4);
    cr_assert(tlsStreamHasPending(stream));
    cr_assert_eq(tlsStreamRead(stream, got, 4), 4);
    cr_assert_not(tlsStreamHasPending(stream));
}

/* A socket that is full gives EAGAIN, and not an octet is lost or twice. */
Test(tls, much_passes_through_a_small_socket)
{
    enum { SIZE = 1 << 20 };
    TlsServerConfig config = configFor("a");
    char *sent = xmalloc(SIZE);
    char *got = xmalloc(SIZE);
    size_t written = 0, heard = 0;
    int full = 0;

    for (size_t i = 0; i < SIZE; i++)
        sent[i] = (char)(i * 2654435761u >> 13);
    open(&config);
    cr_assert_eq(shakeHands(), 0);
    while (heard < SIZE) {
        struct iovec iov[] = {{sent + written, (SIZE - written) / 3},
                              {sent + written + (SIZE - written) / 3,
                               SIZE - written - (SIZE - written) / 3}};
        ssize_t n = tlsStreamWritev(stream, iov, 2);
        cr_assert(n >= 0 || errno == EAGAIN, "%s", tlsStreamWhy(stream));
        written += n > 0 ? (size_t)n : 0;
        if (n > 0)
            continue;
        full += n < 0;
        cr_assert_eq(tlsStreamWriteWants(stream), COMM_SELECT_WRITE);
        int len = SSL_read(client, got + heard, SIZE - (int)heard);
        heard += len > 0 ? (size_t)len : 0;
    }
    cr_assert_gt(full, 0);
    cr_assert_eq(memcmp(sent, got, SIZE), 0);
    free(sent);
    free(got);
}

Test(tls, a_waiting_record_cannot_be_taken_back)
{
    TlsServerConfig config = configFor("a");
    static char text[10000];
    struct iovec iov = {text, sizeof(text)};

    open(&config);
    cr_assert_eq(shakeHands(), 0);
    while (tlsStreamWritev(stream, &iov, 1) > 0)
        continue;
    cr_assert_eq(errno, EAGAIN);
    iov.iov_len = 10;
    cr_assert_eq(tlsStreamWritev(stream, &iov, 1), -1);
    cr_assert_eq(errno, EPIPE);
}

Test(tls, the_end_is_told_and_heard)
{
    TlsServerConfig config = configFor("a");
    char octet;

    open(&config);
    cr_assert_eq(shakeHands(), 0);
    cr_assert_eq(tlsStreamShutdown(stream), 0);
    cr_assert_eq(SSL_read(client, &octet, 1), 0);
    cr_assert_eq(SSL_get_error(client, 0), SSL_ERROR_ZERO_RETURN);
    say("still here");
    expectHeard("still here");
    SSL_shutdown(client);
    cr_assert_eq(tlsStreamRead(stream, &octet, 1), 0);
    cr_assert_eq(tlsStreamRead(stream, &octet, 1), 0);
}

Test(tls, an_end_that_is_not_told_is_an_error)
{
    TlsServerConfig config = configFor("a");
    char octet = 'x';
    struct iovec iov = {&octet, 1};

    open(&config);
    cr_assert_eq(shakeHands(), 0);
    shutdown(fds[1], SHUT_WR);
    cr_assert_eq(tlsStreamRead(stream, &octet, 1), -1);
    cr_assert_eq(errno, ECONNRESET);
    cr_assert_eq(tlsStreamRead(stream, &octet, 1), -1);
    cr_assert_eq(errno, ECONNRESET);
    cr_assert_eq(tlsStreamWritev(stream, &iov, 1), -1);
    cr_assert_eq(errno, EPIPE);
    cr_assert_eq(tlsStreamShutdown(stream), -EPIPE);
}

static void
expectRefused(const char *octets, size_t len, const char *why)
{
    TlsServerConfig config = configFor("a");

    open(&config);
    cr_assert_eq(write(fds[1], octets, len), (ssize_t)len);
    cr_assert_eq(tlsStreamHandshake(stream), -EPROTO);
    cr_assert_str_eq(tlsStreamWhy(stream), why);
}

Test(tls, plain_http_is_told_as_such)
{
    static const char text[] = "GET http://a.test/ HTTP/1.1\r\n\r\n";
    expectRefused(text, strlen(text), "plain HTTP where TLS is due");
}

Test(tls, garbage_is_refused)
{
    expectRefused("garbage, and quite a lot of it", 30, "wrong version number");
}

Test(tls, garbage_in_the_middle_ends_the_stream)
{
    TlsServerConfig config = configFor("a");
    char octet;

    open(&config);
    cr_assert_eq(shakeHands(), 0);
    cr_assert_eq(write(fds[1],
                       "\x17\x03\x03\0\x20garbagegarbagegarbagegarb"
                       "agegarbage",
                       37),
                 37);
    cr_assert_eq(tlsStreamRead(stream, &octet, 1), -1);
    cr_assert_eq(errno, EPROTO);
    cr_assert_neq(tlsStreamWhy(stream)[0], '\0');
}

Test(tls, a_client_that_leaves_early_has_reset)
{
    TlsServerConfig config = configFor("a");

    open(&config);
    fdClosep(&fds[1]);
    cr_assert_eq(tlsStreamHandshake(stream), -ECONNRESET);
}

static void
openThree(void)
{
    TlsServerConfig config = configFor("a");

    certMake(&(CertSpec){.name = "b", .host = "b.test", .issuer = "ca"});
    certMake(&(CertSpec){.name = "wild", .host = "*.w.test", .issuer = "ca"});
    pairs[1] = pairOf("b");
    pairs[2] = pairOf("wild");
    config.pairCount = 3;
    open(&config);
}

static void
expectHost(char *asked, const char *shown)
{
    TlsInfo info;

    openThree();
    SSL_set_tlsext_host_name(client, asked);
    cr_assert_eq(shakeHands(), 0);
    cr_assert_str_eq(peerHost(), shown);
    tlsStreamInfo(stream, &info);
    cr_assert_str_eq(info.serverName, asked);
}

Test(tls, sni_chooses_a_certificate)
{
    char name[] = "b.test";
    expectHost(name, "b.test");
}

Test(tls, sni_chooses_a_wildcard)
{
    char name[] = "x.w.test";
    expectHost(name, "*.w.test");
}

Test(tls, sni_that_nobody_has_gets_the_first)
{
    char name[] = "other.test";
    expectHost(name, "a.test");
}

Test(tls, without_sni_the_first_is_shown)
{
    openThree();
    cr_assert_eq(shakeHands(), 0);
    cr_assert_str_eq(peerHost(), "a.test");
}

/* Two kinds of keys for one name: what the client can check is shown. */
Test(tls, a_client_without_elliptic_curves_gets_rsa)
{
    TlsServerConfig config = configFor("a");
    char kinds[] = "rsa_pss_rsae_sha256:RSA+SHA256";
    char name[] = "a.test";

    certMake(&(CertSpec){
        .name = "rsa", .host = "a.test", .issuer = "ca", .isRsa = true});
    pairs[1] = pairOf("rsa");
    config.pairCount = 2;
    open(&config);
    SSL_set_tlsext_host_name(client, name);
    SSL_set1_sigalgs_list(client, kinds);
    SSL_set_verify(client, SSL_VERIFY_NONE, NULL); /* the CA's is no RSA */
    cr_assert_eq(shakeHands(), 0, "%s", tlsStreamWhy(stream));
    X509 *cert = SSL_get1_peer_certificate(client);
    cr_assert_eq(EVP_PKEY_id(X509_get0_pubkey(cert)), EVP_PKEY_RSA);
    X509_free(cert);
}

static const char *const protocols[] = {"http/1.1", NULL};

static int
offer(const char *wire)
{
    TlsServerConfig config = configFor("a");

    config.alpn = protocols;
    open(&config);
    SSL_set_alpn_protos(client, (const unsigned char *)wire,
                        (unsigned)strlen(wire));
    return shakeHands();
}

Test(tls, alpn_agrees)
{
    const unsigned char *chosen;
    unsigned len;

    cr_assert_eq(offer("\x02h2\x08http/1.1"), 0);
    SSL_get0_alpn_selected(client, &chosen, &len);
    cr_assert_eq(len, 8u);
    cr_assert_eq(memcmp(chosen, "http/1.1", 8), 0);
    cr_assert(tlsStreamSpeaks(stream, "http/1.1"));
    cr_assert_not(tlsStreamSpeaks(stream, "http/1.0"));
    cr_assert_not(tlsStreamSpeaks(stream, "h2"));
}

Test(tls, alpn_without_agreement_is_an_error)
{
    cr_assert_eq(offer("\x02h2"), -EPROTO);
    cr_assert_str_eq(tlsStreamWhy(stream), "no application protocol");
}

Test(tls, alpn_need_not_be_offered)
{
    TlsServerConfig config = configFor("a");

    config.alpn = protocols;
    open(&config);
    cr_assert_eq(shakeHands(), 0);
    cr_assert_not(tlsStreamSpeaks(stream, "http/1.1"));
}

Test(tls, older_versions_are_refused)
{
    TlsServerConfig config = configFor("a");

    open(&config);
    SSL_set_security_level(client, 0);
    SSL_set_min_proto_version(client, TLS1_VERSION);
    SSL_set_max_proto_version(client, TLS1_1_VERSION);
    cr_assert_eq(shakeHands(), -EPROTO);
    cr_assert_str_eq(tlsStreamWhy(stream), "unsupported protocol");
}

Test(tls, version_1_3_can_be_demanded)
{
    TlsServerConfig config = configFor("a");

    config.policy.minVersion = TLS_VERSION_1_3;
    open(&config);
    SSL_set_max_proto_version(client, TLS1_2_VERSION);
    cr_assert_eq(shakeHands(), -EPROTO);
    cr_assert_str_eq(tlsStreamWhy(stream), "unsupported protocol");
}

Test(tls, version_1_2_will_do)
{
    TlsServerConfig config = configFor("a");
    TlsInfo info;

    open(&config);
    SSL_set_max_proto_version(client, TLS1_2_VERSION);
    cr_assert_eq(shakeHands(), 0);
    tlsStreamInfo(stream, &info);
    cr_assert_str_eq(info.version, "TLSv1.2");
}

/* A client certificate `name`, or none, with this demand. */
static int
showCert(const char *name, TlsVerify verify)
{
    TlsServerConfig config = configFor("a");

    config.verify = verify;
    config.clientCa = keep(certPath("ca", ".crt"));
    open(&config);
    if (name) {
        TlsPair pair = pairOf(name);
        SSL_use_certificate_file(client, pair.cert, SSL_FILETYPE_PEM);
        SSL_use_PrivateKey_file(client, pair.key, SSL_FILETYPE_PEM);
    }
    return shakeHands();
}

Test(tls, a_good_client_is_let_in)
{
    TlsInfo info;

    certMake(&(CertSpec){.name = "user", .host = "user", .issuer = "ca"});
    cr_assert_eq(showCert("user", TLS_VERIFY_REQUIRE), 0);
    tlsStreamInfo(stream, &info);
    cr_assert(info.hasPeerCert);
}

Test(tls, a_client_must_show_something)
{
    cr_assert_eq(showCert(NULL, TLS_VERIFY_REQUIRE), -EPROTO);
    cr_assert_str_eq(tlsStreamWhy(stream), "peer did not return a certificate");
}

Test(tls, a_client_may_show_nothing)
{
    TlsInfo info;

    cr_assert_eq(showCert(NULL, TLS_VERIFY_OPTIONAL), 0);
    tlsStreamInfo(stream, &info);
    cr_assert_not(info.hasPeerCert);
}

Test(tls, what_a_client_may_show_must_be_good)
{
    certMake(&(CertSpec){.name = "stranger", .host = "stranger"});
    cr_assert_eq(showCert("stranger", TLS_VERIFY_OPTIONAL), -EPROTO);
    cr_assert_str_eq(tlsStreamWhy(stream),
                     "certificate verify failed: self-signed certificate");
}

Test(tls, an_expired_client_is_refused)
{
    certMake(&(CertSpec){
        .name = "old", .host = "old", .issuer = "ca", .isExpired = true});
    cr_assert_eq(showCert("old", TLS_VERIFY_REQUIRE), -EPROTO);
    cr_assert_str_eq(tlsStreamWhy(stream),
                     "certificate verify failed: certificate has expired");
}

/* A second connection to `next` with the session of the first. */
static bool
comeBackBy(TlsServer *next, int version)
{
    SSL_SESSION *session;
    TlsInfo info;
    char octet;

    SSL_read(client, &octet, 1); /* tickets follow the handshake */
    session = SSL_get1_session(client);
    SSL_shutdown(client);
    certClientFree(&client);
    tlsStreamDestroy(&stream);
    fdClosep(&fds[0]);
    fdClosep(&fds[1]);
    supportSocketPair(fds);
    stream = tlsStreamAccept(next, fds[0]);
    client = certClient(fds[1], "ca");
    SSL_set_max_proto_version(client, version);
    SSL_set_session(client, session);
    SSL_SESSION_free(session);
    cr_assert_eq(shakeHands(), 0, "%s", tlsStreamWhy(stream));
    tlsStreamInfo(stream, &info);
    return info.isResumed;
}

static bool
comeBack(TlsServer *next)
{
    return comeBackBy(next, TLS1_3_VERSION);
}

Test(tls, sessions_are_resumed)
{
    TlsServerConfig config = configFor("a");

    open(&config);
    cr_assert_eq(shakeHands(), 0);
    cr_assert(comeBack(server));
}

Test(tls, sessions_of_version_1_2_are_resumed)
{
    TlsServerConfig config = configFor("a");

    open(&config);
    SSL_set_max_proto_version(client, TLS1_2_VERSION);
    cr_assert_eq(shakeHands(), 0);
    cr_assert(comeBackBy(server, TLS1_2_VERSION));
}

Test(tls, sessions_are_not_resumed_where_that_is_off)
{
    TlsServerConfig config = configFor("a");

    config.noResumption = true;
    open(&config);
    cr_assert_eq(shakeHands(), 0);
    cr_assert_not(comeBack(server));
}

Test(tls, sessions_outlive_new_certificates)
{
    TlsServerConfig config = configFor("a");

    open(&config);
    cr_assert_eq(shakeHands(), 0);
    TlsServer *next = create(&config);
    tlsServerInherit(next, server);
    cr_assert(comeBack(next));
    tlsServerUnref(&next);
}

Test(tls, sessions_of_another_context_are_not_resumed)
{
    TlsServerConfig config = configFor("a");

    open(&config);
    cr_assert_eq(shakeHands(), 0);
    config.context = "another";
    TlsServer *next = create(&config);
    tlsServerInherit(next, server);
    cr_assert_not(comeBack(next));
    tlsServerUnref(&next);
}

Test(tls, sessions_do_not_outlive_a_new_authority)
{
    cr_assert_eq(showCert(NULL, TLS_VERIFY_OPTIONAL), 0);
    TlsServerConfig config = configFor("a");
    config.verify = TLS_VERIFY_OPTIONAL;
    config.clientCa = texts[2];
    TlsServer *next = create(&config);
    tlsServerInherit(next, server);
    cr_assert_not(comeBack(next));
    tlsServerUnref(&next);
}

/* Creation fails with this errno and "FILE: text". */
static void
expectComplaint(const TlsServerConfig *config, int error, const char *file,
                const char *text)
{
    char *why = NULL;
    char *wanted = xasprintf("%s: %s", file, text);

    server = tlsServerCreate(config, &why);
    cr_assert_null(server);
    cr_assert_eq(errno, error);
    cr_assert_str_eq(why, wanted);
    cr_assert_eq(ERR_peek_error(), 0ul);
    free(why);
    free(wanted);
}

Test(tls, a_missing_certificate_is_named)
{
    TlsServerConfig config = configFor("none");
    expectComplaint(&config, ENOENT, pairs[0].cert,
                    "No such file or directory");
}

Test(tls, a_file_without_certificate_is_named)
{
    TlsServerConfig config = configFor("a");

    pairs[0].cert = pairs[0].key;
    expectComplaint(&config, EINVAL, pairs[0].cert,
                    "there is no certificate in it (PEM)");
}

Test(tls, a_file_without_key_is_named)
{
    TlsServerConfig config = configFor("a");

    pairs[0].key = NULL;
    expectComplaint(&config, EINVAL, pairs[0].cert,
                    "there is no private key in it (PEM)");
}

Test(tls, a_key_of_another_certificate_is_named)
{
    TlsServerConfig config = configFor("a");
    char *text;

    pairs[0].key = keep(certPath("ca", ".key"));
    text = xasprintf("the key does not belong to the certificate in %s",
                     pairs[0].cert);
    expectComplaint(&config, EINVAL, pairs[0].key, text);
    free(text);
}

Test(tls, a_locked_key_is_told)
{
    TlsServerConfig config = configFor("a");
    char *key = certPath("locked", ".key");
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    FILE *file = fopen(key, "w");

    PEM_write_PrivateKey(file, pkey, EVP_aes_128_cbc(),
                         (const unsigned char *)"x", 1, NULL, NULL);
    fclose(file);
    EVP_PKEY_free(pkey);
    pairs[0].key = keep(key);
    expectComplaint(&config, EINVAL, pairs[0].key,
                    "the key is locked with a password");
}

Test(tls, a_missing_authority_is_named)
{
    TlsServerConfig config = configFor("a");

    config.verify = TLS_VERIFY_REQUIRE;
    config.authority.caPath = "/nowhere/certs";
    expectComplaint(&config, ENOENT, "/nowhere/certs",
                    "No such file or directory");
}

Test(tls, unknown_ciphers_are_named)
{
    TlsServerConfig config = configFor("a");

    config.policy.ciphers = "NONSENSE";
    expectComplaint(&config, EINVAL, "NONSENSE", "no cipher match");
}

Test(tls, a_client_context_trusts_what_it_is_told)
{
    TlsClientConfig config = {.authority.caFile = keep(certPath("ca", ".crt"))};
    TlsServerConfig serverConfig = configFor("a");
    char *why = NULL;
    TlsClient *settings = tlsClientCreate(&config, &why);
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    cr_assert_not_null(settings, "%s", why);
    cr_assert_eq(tlsClientApply(settings, context), 0);
    open(&serverConfig);
    certClientFree(&client);
    client = SSL_new(context);
    SSL_set_fd(client, fds[1]);
    SSL_set_verify(client, SSL_VERIFY_PEER, NULL);
    SSL_set_connect_state(client);
    cr_assert_eq(shakeHands(), 0);
    cr_assert_eq(SSL_get_verify_result(client), X509_V_OK);
    SSL_CTX_free(context);
    tlsClientUnref(&settings);
}

Test(tls, a_client_without_its_key_is_told)
{
    TlsClientConfig config = {.pair.cert = keep(certPath("a", ".crt"))};
    char *why = NULL;

    cr_assert_null(tlsClientCreate(&config, &why));
    cr_assert_eq(errno, EINVAL);
    cr_assert_not_null(strstr(why, "a.crt: there is no private key in it"));
    free(why);
}

Test(tls, expiry_is_known)
{
    TlsServerConfig config = configFor("a");

    certMake(&(CertSpec){.name = "old", .host = "old", .isExpired = true});
    pairs[1] = pairOf("old");
    config.pairCount = 2;
    server = create(&config);
    cr_assert_gt(tlsServerExpires(server, 0), time(NULL));
    cr_assert_lt(tlsServerExpires(server, 1), time(NULL));
}

/* Our own client's end, instead of OpenSSL's. What the handshake came to on
 * its side. */
static int
connectTo(const char *shown, const char *host, TlsTrust trust, char why[200])
{
    TlsServerConfig serverConfig = configFor(shown);
    TlsClientConfig config = {.authority.caFile = keep(certPath("ca", ".crt"))};
    char *problem = NULL;
    TlsClient *settings = tlsClientCreate(&config, &problem);
    int rc = -EAGAIN;

    cr_assert_not_null(settings, "%s", problem);
    open(&serverConfig);
    certClientFree(&client);
    TlsStream *ours = tlsStreamConnect(settings, fds[1], host, trust);
    tlsClientUnref(&settings);
    for (int turn = 0; turn < 20 && rc == -EAGAIN; turn++) {
        rc = tlsStreamHandshake(ours);
        tlsStreamHandshake(stream);
    }
    snprintf(why, 200, "%s", tlsStreamWhy(ours));
    tlsStreamDestroy(&ours);
    return rc;
}

Test(tls, our_client_knows_the_host)
{
    char why[200];
    TlsInfo info;

    cr_assert_eq(connectTo("a", "a.test", TLS_TRUST_HOST, why), 0, "%s", why);
    tlsStreamInfo(stream, &info);
    cr_assert_str_eq(info.serverName, "a.test");
}

Test(tls, our_client_refuses_another_host)
{
    char why[200];

    cr_assert_eq(connectTo("a", "b.test", TLS_TRUST_HOST, why), -EPROTO);
    cr_assert_str_eq(why, "certificate verify failed: hostname mismatch");
}

Test(tls, our_client_refuses_an_address_that_is_not_named)
{
    char why[200];

    cr_assert_eq(connectTo("a", "127.0.0.1", TLS_TRUST_HOST, why), -EPROTO);
    cr_assert_str_eq(why, "certificate verify failed: IP address mismatch");
}

Test(tls, our_client_may_take_any_name)
{
    char why[200];

    cr_assert_eq(connectTo("a", "b.test", TLS_TRUST_CHAIN, why), 0);
}

Test(tls, our_client_refuses_strangers)
{
    char why[200];

    certMake(&(CertSpec){.name = "stranger", .host = "a.test"});
    cr_assert_eq(connectTo("stranger", "a.test", TLS_TRUST_CHAIN, why),
                 -EPROTO);
    cr_assert_str_eq(why, "certificate verify failed: self-signed certificate");
}

Test(tls, our_client_may_take_anyone)
{
    char why[200];

    certMake(&(CertSpec){.name = "stranger", .host = "a.test"});
    cr_assert_eq(connectTo("stranger", "b.test", TLS_TRUST_ANYONE, why), 0);
}
