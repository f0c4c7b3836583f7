/* listener_addr.c: from address text to a listening socket. Section 5. */
#include "listener_priv.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fd.h"

typedef struct Target {
    struct sockaddr_storage addr;
    socklen_t len;
    bool isDual; /* [::] that takes IPv4 too */
} Target;

static bool
isPort(const char *text)
{
    size_t digits = strspn(text, "0123456789");

    return digits > 0 && digits <= 5 && text[digits] == '\0' &&
           strtol(text, NULL, 10) <= 65535;
}

/* Numeric host without brackets, NULL: any IPv6. */
static int
resolveInet(const char *host, const char *port, int family, Target *target)
{
    struct addrinfo hints = {
        .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
        .ai_family = family,
        .ai_socktype = SOCK_STREAM,
    };
    struct addrinfo *found;

    if (!isPort(port) || getaddrinfo(host, port, &hints, &found) != 0)
        return -EINVAL;
    memcpy(&target->addr, found->ai_addr, found->ai_addrlen);
    target->len = found->ai_addrlen;
    freeaddrinfo(found);
    return 0;
}

static int
parseUnix(const char *path, Target *target)
{
    struct sockaddr_un *un = (struct sockaddr_un *)(void *)&target->addr;

    if (strlen(path) >= sizeof(un->sun_path))
        return -ENAMETOOLONG;
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path, strlen(path) + 1);
    target->len = sizeof(*un);
    return 0;
}

static int
parseTarget(const char *text, Target *target)
{
    char host[64];
    const char *colon = strrchr(text, ':');
    size_t len;

    memset(target, 0, sizeof(*target));
    if (text[0] == '/')
        return parseUnix(text, target);
    if (!colon || colon == text) {
        target->isDual = true;
        return resolveInet(NULL, colon ? text + 1 : text, AF_INET6, target);
    }
    len = (size_t)(colon - text);
    if (len >= sizeof(host))
        return -EINVAL;
    memcpy(host, text, len);
    host[len] = '\0';
    if (host[0] != '[')
        return resolveInet(host, colon + 1, AF_INET, target);
    if (host[len - 1] != ']')
        return -EINVAL;
    host[len - 1] = '\0';
    return resolveInet(host + 1, colon + 1, AF_INET6, target);
}

static int
bindTarget(int fd, const Target *target)
{
    const struct sockaddr *addr =
        (const struct sockaddr *)(const void *)&target->addr;
    int on = 1;
    int v6Only = !target->isDual;

    if (target->addr.ss_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6Only, sizeof(v6Only)) < 0)
        return -errno;
    if (target->addr.ss_family != AF_UNIX &&
        (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
         setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0))
        return -errno;
    return bind(fd, addr, target->len) < 0 ? -errno : 0;
}

/* A socket file that nobody listens on any more is in the way. */
static bool
removeStale(const Target *target)
{
    const struct sockaddr_un *un =
        (const struct sockaddr_un *)(const void *)&target->addr;
    struct stat st;
    bool isStale;
    int fd;

    if (target->addr.ss_family != AF_UNIX || lstat(un->sun_path, &st) < 0 ||
        !S_ISSOCK(st.st_mode))
        return false;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    isStale = connect(fd, (const struct sockaddr *)un, target->len) < 0 &&
              errno == ECONNREFUSED;
    close(fd);
    return isStale && unlink(un->sun_path) == 0;
}

static int
openTarget(const Target *target, int backlog, struct sockaddr_storage *boundOut)
{
    struct sockaddr_storage bound = {0};
    socklen_t len = sizeof(bound);
    int fd, rc;

    fd = socket(target->addr.ss_family,
                SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    fd = fdAboveStdio(fd);
    if (fd < 0)
        return fd;
    rc = bindTarget(fd, target);
    if (rc == -EADDRINUSE && removeStale(target))
        rc = bindTarget(fd, target);
    if (rc < 0)
        goto fail;
    if (listen(fd, backlog) < 0 ||
        getsockname(fd, (struct sockaddr *)&bound, &len) < 0) {
        rc = -errno;
        goto fail;
    }
    *boundOut = bound;
    return fd;

fail:
    fdClosep(&fd);
    return rc;
}

int
listenerAddrOpen(const char *text, int backlog,
                 struct sockaddr_storage *boundOut)
{
    Target target;
    int rc = parseTarget(text, &target);

    if (rc < 0)
        return rc;
    rc = openTarget(&target, backlog, boundOut);
    if (!target.isDual || (rc != -EAFNOSUPPORT && rc != -EADDRNOTAVAIL))
        return rc;
    /* A system without IPv6. */
    rc = resolveInet(NULL, text + (text[0] == ':'), AF_INET, &target);
    return rc < 0 ? rc : openTarget(&target, backlog, boundOut);
}

void
listenerAddrUnmap(struct sockaddr_storage *addr)
{
    const struct sockaddr_in6 *in6 =
        (const struct sockaddr_in6 *)(const void *)addr;
    struct sockaddr_in in = {.sin_family = AF_INET};

    if (addr->ss_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
        return;
    in.sin_port = in6->sin6_port;
    memcpy(&in.sin_addr, &in6->sin6_addr.s6_addr[12], 4);
    memset(addr, 0, sizeof(*addr));
    memcpy(addr, &in, sizeof(in));
}

bool
listenerAddrIsAny(const struct sockaddr_storage *addr)
{
    const struct sockaddr_in *in =
        (const struct sockaddr_in *)(const void *)addr;
    const struct sockaddr_in6 *in6 =
        (const struct sockaddr_in6 *)(const void *)addr;

    if (addr->ss_family == AF_INET)
        return in->sin_addr.s_addr == htonl(INADDR_ANY);
    return addr->ss_family == AF_INET6 &&
           IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr);
}

void
listenerAddrFormat(const struct sockaddr_storage *addr,
                   char out[LISTENER_ADDR_TEXT_MAX])
{
    socklen_t len = addr->ss_family == AF_INET ? sizeof(struct sockaddr_in)
                                               : sizeof(struct sockaddr_in6);
    bool isInet = addr->ss_family == AF_INET;
    char host[INET6_ADDRSTRLEN];
    char port[8];

    if ((!isInet && addr->ss_family != AF_INET6) ||
        getnameinfo((const struct sockaddr *)(const void *)addr, len, host,
                    sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        snprintf(out, LISTENER_ADDR_TEXT_MAX, "a local client");
        return;
    }
    snprintf(out, LISTENER_ADDR_TEXT_MAX, isInet ? "%s:%s" : "[%s]:%s", host,
             port);
}
