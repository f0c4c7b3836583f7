/* Socket addresses as text. */
#include "address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

static int
familyOf(const struct sockaddr *addr)
{
    return addr != NULL ? addr->sa_family : AF_UNSPEC;
}

static size_t
formatOctet(unsigned value, char *out)
{
    size_t len = 0;

    if (value >= 100)
        out[len++] = (char)('0' + value / 100);
    if (value >= 10)
        out[len++] = (char)('0' + value / 10 % 10);
    out[len++] = (char)('0' + value % 10);
    return len;
}

/* In every line of logs and to helpers: inet_ntop goes by way of printf. */
static size_t
formatV4(const void *addr, char *out)
{
    const unsigned char *octets = addr;
    size_t len = 0;

    for (int i = 0; i < 4; i++) {
        len += formatOctet(octets[i], out + len);
        out[len++] = '.';
    }
    out[--len] = '\0';
    return len;
}

size_t
addressFormat(const struct sockaddr *addr, char out[ADDRESS_TEXT_MAX])
{
    const struct sockaddr_in *in = (const void *)addr;
    const struct sockaddr_in6 *in6 = (const void *)addr;
    const struct sockaddr_un *un = (const void *)addr;

    if (familyOf(addr) == AF_INET)
        return formatV4(&in->sin_addr, out);
    if (familyOf(addr) == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
        return formatV4(&in6->sin6_addr.s6_addr[12], out);
    memcpy(out, "-", 2);
    if (familyOf(addr) == AF_INET6)
        inet_ntop(AF_INET6, &in6->sin6_addr, out, ADDRESS_TEXT_MAX);
    else if (familyOf(addr) == AF_UNIX && un->sun_path[0] != '\0')
        snprintf(out, ADDRESS_TEXT_MAX, "%.*s", (int)sizeof(un->sun_path),
                 un->sun_path);
    return strlen(out);
}

size_t
addressFormatPort(const struct sockaddr *addr, char out[ADDRESS_TEXT_MAX])
{
    char text[ADDRESS_TEXT_MAX];
    unsigned port = addressPort(addr);

    addressFormat(addr, text);
    if (port == 0)
        snprintf(out, ADDRESS_TEXT_MAX, "%s", text);
    else if (strchr(text, ':') != NULL)
        snprintf(out, ADDRESS_TEXT_MAX, "[%.100s]:%u", text, port);
    else
        snprintf(out, ADDRESS_TEXT_MAX, "%.100s:%u", text, port);
    return strlen(out);
}

unsigned
addressPort(const struct sockaddr *addr)
{
    const struct sockaddr_in *in = (const void *)addr;

    /* The port is at the same place in both families. */
    if (familyOf(addr) != AF_INET && familyOf(addr) != AF_INET6)
        return 0;
    return ntohs(in->sin_port);
}

static long
portOf(const char *text)
{
    const char *colon = strrchr(text, ':');

    return strtol(colon != NULL ? colon + 1 : text, NULL, 10);
}

bool
addressIsSamePort(const char *one, const char *other)
{
    return one[0] != '/' && other[0] != '/' && portOf(one) == portOf(other);
}
