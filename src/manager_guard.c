/* Who may command the proxy and listen in to its helpers. DEBUG: section 16 */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "comm.h"
#include "manager_priv.h"

typedef struct sockaddr_storage Address;

typedef struct Search {
    const Address *peer;
    const Address *local;
    bool isFound;
} Search;

static bool
isLoopback(const Address *addr)
{
    const struct sockaddr_in *in = (const void *)addr;
    const struct sockaddr_in6 *in6 = (const void *)addr;

    if (addr->ss_family == AF_INET)
        return (ntohl(in->sin_addr.s_addr) >> 24) == 127;
    return addr->ss_family == AF_INET6 &&
           (IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr) ||
            (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr) &&
             in6->sin6_addr.s6_addr[12] == 127));
}

static bool
isSame(const Address *a, const Address *b)
{
    const struct sockaddr_in *in = (const void *)a;
    const struct sockaddr_in *other = (const void *)b;
    const struct sockaddr_in6 *in6 = (const void *)a;
    const struct sockaddr_in6 *other6 = (const void *)b;

    if (a->ss_family != b->ss_family)
        return false;
    if (a->ss_family == AF_INET)
        return in->sin_port == other->sin_port &&
               in->sin_addr.s_addr == other->sin_addr.s_addr;
    return in6->sin6_port == other6->sin6_port &&
           memcmp(&in6->sin6_addr, &other6->sin6_addr, 16) == 0;
}

static void
compareEnds(int fd, const char *note, void *data)
{
    Search *search = data;
    Address peer, local;
    socklen_t peerLen = sizeof(peer), localLen = sizeof(local);

    (void)note;
    if (search->isFound ||
        getsockname(fd, (struct sockaddr *)&local, &localLen) == -1 ||
        (local.ss_family != AF_INET && local.ss_family != AF_INET6) ||
        getpeername(fd, (struct sockaddr *)&peer, &peerLen) == -1)
        return;
    search->isFound =
        isSame(&local, search->peer) && isSame(&peer, search->local);
}

/* A client that reached us through the proxy is as near as the proxy is: the
 * other end of this connection is a descriptor of our own. */
static bool
isFromOurselves(const Address *peer, const Address *local)
{
    Search search = {.peer = peer, .local = local};

    commForEachFd(compareEnds, &search);
    return search.isFound;
}

const char *
managerGuardRefusal(const ManagerConn *conn)
{
    const HttpRequest *request = httpParserRequest(conn->parser);
    Address peer, local;
    socklen_t peerLen = sizeof(peer), localLen = sizeof(local);

    if (!httpSliceIs(
            httpHeaderGetName(&request->headers, httpSliceText("X-Squire")),
            "1"))
        return "the header field X-Squire: 1 is needed";
    if (conn->isUnix)
        return NULL;
    if (getpeername(conn->fd, (struct sockaddr *)&peer, &peerLen) == -1 ||
        getsockname(conn->fd, (struct sockaddr *)&local, &localLen) == -1)
        return "the connection is gone";
    if (!isLoopback(&peer))
        return "only from this machine, or by a manager_port that is a unix "
               "socket";
    if (isFromOurselves(&peer, &local))
        return "not through the proxy";
    return NULL;
}
