/* helper_ping.c: the datagrams between the proxy and a pinger. */
#include "helper_ping.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#define VERSION 1
#define TYPE_ASK 1
#define TYPE_ANSWER 2

/* Where the fields are. */
enum {
    AT_VERSION = 0,
    AT_TYPE = 1,
    AT_FAMILY = 2,
    AT_SEQUENCE = 4,
    AT_ADDRESS = 8,
    AT_RTT = 24,
    AT_HOPS = 28
};

static void
putNumber(unsigned char *to, uint32_t value)
{
    for (int i = 3; i >= 0; i--, value >>= 8)
        to[i] = (unsigned char)value;
}

static uint32_t
getNumber(const unsigned char *from)
{
    uint32_t value = 0;

    for (int i = 0; i < 4; i++)
        value = value << 8 | from[i];
    return value;
}

static int
putHead(const HelperPing *ping, int type, unsigned char *out)
{
    const struct sockaddr_in *in = (const void *)&ping->addr;
    const struct sockaddr_in6 *in6 = (const void *)&ping->addr;

    memset(out, 0, HELPER_PING_ASK_SIZE);
    out[AT_VERSION] = VERSION;
    out[AT_TYPE] = (unsigned char)type;
    putNumber(out + AT_SEQUENCE, ping->sequence);
    if (ping->addr.ss_family == AF_INET) {
        out[AT_FAMILY] = 4;
        memcpy(out + AT_ADDRESS, &in->sin_addr, sizeof(in->sin_addr));
    } else if (ping->addr.ss_family == AF_INET6) {
        out[AT_FAMILY] = 6;
        memcpy(out + AT_ADDRESS, &in6->sin6_addr, sizeof(in6->sin6_addr));
    } else {
        return -EINVAL;
    }
    return 0;
}

static int
getHead(const unsigned char *data, int type, HelperPing *ping)
{
    struct sockaddr_in *in = (void *)&ping->addr;
    struct sockaddr_in6 *in6 = (void *)&ping->addr;

    if (data[AT_VERSION] != VERSION || data[AT_TYPE] != type)
        return -EPROTO;
    *ping = (HelperPing){.sequence = getNumber(data + AT_SEQUENCE)};
    if (data[AT_FAMILY] == 4) {
        in->sin_family = AF_INET;
        memcpy(&in->sin_addr, data + AT_ADDRESS, sizeof(in->sin_addr));
    } else if (data[AT_FAMILY] == 6) {
        in6->sin6_family = AF_INET6;
        memcpy(&in6->sin6_addr, data + AT_ADDRESS, sizeof(in6->sin6_addr));
    } else {
        return -EPROTO;
    }
    return 0;
}

int
helperPingFormatAsk(const HelperPing *ping,
                    unsigned char out[HELPER_PING_ASK_SIZE])
{
    return putHead(ping, TYPE_ASK, out);
}

int
helperPingFormatAnswer(const HelperPing *ping,
                       unsigned char out[HELPER_PING_ANSWER_SIZE])
{
    putNumber(out + AT_RTT, ping->rttUs);
    putNumber(out + AT_HOPS, ping->hops);
    return putHead(ping, TYPE_ANSWER, out);
}

int
helperPingParseAsk(const unsigned char *data, size_t len, HelperPing *pingOut)
{
    HelperPing ping;

    if (len != HELPER_PING_ASK_SIZE || getHead(data, TYPE_ASK, &ping) < 0)
        return -EPROTO;
    *pingOut = ping;
    return 0;
}

int
helperPingParseAnswer(const unsigned char *data, size_t len,
                      HelperPing *pingOut)
{
    HelperPing ping;

    if (len != HELPER_PING_ANSWER_SIZE || getHead(data, TYPE_ANSWER, &ping) < 0)
        return -EPROTO;
    ping.rttUs = getNumber(data + AT_RTT);
    ping.hops = getNumber(data + AT_HOPS);
    *pingOut = ping;
    return 0;
}
