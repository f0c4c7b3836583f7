/* Who may ask the manager, and who command by it. DEBUG: section 16 */
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

/* As an IPv6 socket has it: 127.0.0.1 is ::ffff:127.0.0.1. */
static struct sockaddr_in6
mapped(const Address *addr)
{
    const struct sockaddr_in *in = (const void *)addr;
    struct sockaddr_in6 out = {.sin6_family = AF_INET6};

    if (addr->ss_family != AF_INET)
        return *(const struct sockaddr_in6 *)(const void *)addr;
    out.sin6_port = in->sin_port;
    out.sin6_addr.s6_addr[10] = out.sin6_addr.s6_addr[11] = 0xff;
    memcpy(out.sin6_addr.s6_addr + 12, &in->sin_addr, sizeof(in->sin_addr));
    return out;
}

/* An end may be of an IPv6 socket and be seen by an IPv4 one. */
static bool
isSame(const Address *a, const Address *b)
{
    const struct sockaddr_in6 one = mapped(a), other = mapped(b);

    return one.sin6_port == other.sin6_port &&
           memcmp(&one.sin6_addr, &other.sin6_addr, 16) == 0;
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
        !isSame(&local, search->peer) ||
        getpeername(fd, (struct sockaddr *)&peer, &peerLen) == -1)
        return;
    search->isFound = isSame(&peer, search->local);
}

bool
managerGuardIsOurs(const ManagerConn *conn)
{
    Address peer, local;
    socklen_t peerLen = sizeof(peer), localLen = sizeof(local);
    Search search = {.peer = &peer, .local = &local};

    if (conn->isUnix ||
        getpeername(conn->fd, (struct sockaddr *)&peer, &peerLen) == -1 ||
        getsockname(conn->fd, (struct sockaddr *)&local, &localLen) == -1)
        return false;
    commForEachFd(compareEnds, &search);
    return search.isFound;
}

const char *
managerGuardRefusal(const ManagerConn *conn)
{
    const HttpRequest *request = httpParserRequest(conn->parser);
    Address peer;
    socklen_t peerLen = sizeof(peer);

    if (!httpSliceIs(
            httpHeaderGetName(&request->headers, httpSliceText("X-Squire")),
            "1"))
        return "the header field X-Squire: 1 is needed";
    if (conn->isUnix)
        return NULL;
    if (getpeername(conn->fd, (struct sockaddr *)&peer, &peerLen) == -1)
        return "the connection is gone";
    if (!isLoopback(&peer))
        return "only from this machine, or by a manager_port that is a unix "
               "socket";
    return NULL;
}
