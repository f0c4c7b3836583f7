/* listener_tls.c: handshakes of accepted connections, for all strategies.
 * DEBUG: section 83 */
#include "listener_priv.h"

#include <errno.h>
#include <inttypes.h>

#include "debug.h"

void
listenerTlsFail(Listener *listener, const struct sockaddr_storage *peer,
                int error, const char *why)
{
    int64_t nowUs = commNowUs();
    /* Who only looks whether the port is open is no news. */
    bool isTold = error != ECONNRESET &&
                  nowUs - listener->tlsToldUs >= LISTENER_COMPLAIN_US;
    char from[LISTENER_ADDR_TEXT_MAX];

    listener->tlsFailures++;
    listenerAddrFormat(peer, from);
    if (!isTold) {
        listener->tlsUntold += error != ECONNRESET;
        debug(DBG_TLS, 2, "listener %s: TLS handshake with %s failed: %s",
              listener->name, from, why);
        return;
    }
    debug(DBG_TLS, 1,
          "listener %s: TLS handshake with %s failed: %s (%" PRIu64
          " more since the last line)",
          listener->name, from, why, listener->tlsUntold);
    listener->tlsToldUs = nowUs;
    listener->tlsUntold = 0;
}

static void
noteDone(const Listener *listener, const TlsStream *stream,
         const struct sockaddr_storage *peer)
{
    char from[LISTENER_ADDR_TEXT_MAX];
    TlsInfo info;

    if (!debugIsOn(DBG_TLS, 3))
        return;
    tlsStreamInfo(stream, &info);
    listenerAddrFormat(peer, from);
    debug(DBG_TLS, 3, "listener %s: %s with %s, %s%s", listener->name,
          info.version, from, info.cipher, info.isResumed ? ", resumed" : "");
}

ListenerTlsStep
listenerTlsStep(Listener *listener, TlsStream *stream, int fd,
                const struct sockaddr_storage *peer, CommSelectCb *again,
                void *data)
{
    int rc = tlsStreamHandshake(stream);

    if (rc == -EAGAIN) {
        commSetSelect(fd, tlsStreamReadWants(stream), again, data, 0);
        return LISTENER_TLS_WAITING;
    }
    if (rc < 0) {
        listenerTlsFail(listener, peer, -rc, tlsStreamWhy(stream));
        return LISTENER_TLS_FAILED;
    }
    noteDone(listener, stream, peer);
    return LISTENER_TLS_DONE;
}
