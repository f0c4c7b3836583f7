/* pinger_icmp.c: ICMP echo over ping sockets and raw ones. */
#include "pinger_icmp.h"

#include <errno.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define HEAD_SIZE 8 /* of an echo, the same in both families */
#define MESSAGE_SIZE (HEAD_SIZE + PINGER_ICMP_COOKIE)
#define IPV4_HEAD_MIN 20

/* Where the fields of an echo are. */
enum { AT_TYPE = 0, AT_CODE = 1, AT_CHECKSUM = 2, AT_ID = 4, AT_SEQUENCE = 6 };

static void
putShort(unsigned char *to, unsigned value)
{
    to[0] = (unsigned char)(value >> 8);
    to[1] = (unsigned char)value;
}

static uint16_t
getShort(const unsigned char *from)
{
    return (uint16_t)(from[0] << 8 | from[1]);
}

/* RFC 1071; len is even. */
static uint16_t
checksum(const unsigned char *data, size_t len)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < len; i += 2)
        sum += getShort(data + i);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

/* A raw socket gets all of the machine's messages, but for this. The kernel
 * refuses the option on ping sockets, which need no filter. */
static void
setFilter(const PingerIcmp *icmp)
{
    struct icmp_filter filter = {.data = ~(1u << ICMP_ECHOREPLY)};
    struct icmp6_filter filter6;

    if (icmp->family == AF_INET) {
        setsockopt(icmp->fd, SOL_RAW, ICMP_FILTER, &filter, sizeof(filter));
        return;
    }
    ICMP6_FILTER_SETBLOCKALL(&filter6);
    ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter6);
    setsockopt(icmp->fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter6,
               sizeof(filter6));
}

/* The distance is worked out of the hop limit that is left. */
static void
askHopLimit(const PingerIcmp *icmp)
{
    int on = 1;

    if (icmp->family == AF_INET)
        setsockopt(icmp->fd, IPPROTO_IP, IP_RECVTTL, &on, sizeof(on));
    else
        setsockopt(icmp->fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &on, sizeof(on));
}

static int
openSocket(PingerIcmp *icmp)
{
    const int flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
    int protocol = icmp->family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6;

    icmp->fd = socket(icmp->family, SOCK_DGRAM | flags, protocol);
    icmp->isRaw = icmp->fd < 0;
    if (icmp->isRaw)
        icmp->fd = socket(icmp->family, SOCK_RAW | flags, protocol);
    return icmp->fd < 0 ? -errno : 0;
}

int
pingerIcmpOpen(PingerIcmp *icmp, int family)
{
    int rc;

    *icmp = (PingerIcmp){.family = family, .fd = -1};
    if (getrandom(&icmp->id, sizeof(icmp->id), 0) < 0 ||
        getrandom(icmp->cookie, sizeof(icmp->cookie), 0) < 0)
        return -errno;
    rc = openSocket(icmp);
    if (rc)
        return rc;
    askHopLimit(icmp);
    setFilter(icmp);
    return 0;
}

void
pingerIcmpClose(PingerIcmp *icmp)
{
    if (icmp->fd >= 0)
        close(icmp->fd);
    icmp->fd = -1;
}

/* The kernel puts the id of a ping socket in, and IPv6's checksum. */
int
pingerIcmpSend(const PingerIcmp *icmp, const struct sockaddr_storage *to,
               uint16_t sequence)
{
    unsigned char message[MESSAGE_SIZE] = {0};
    socklen_t len = icmp->family == AF_INET ? sizeof(struct sockaddr_in)
                                            : sizeof(struct sockaddr_in6);

    message[AT_TYPE] = icmp->family == AF_INET ? ICMP_ECHO : ICMP6_ECHO_REQUEST;
    putShort(message + AT_ID, icmp->id);
    putShort(message + AT_SEQUENCE, sequence);
    memcpy(message + HEAD_SIZE, icmp->cookie, sizeof(icmp->cookie));
    if (icmp->family == AF_INET)
        putShort(message + AT_CHECKSUM, checksum(message, sizeof(message)));
    if (sendto(icmp->fd, message, sizeof(message), MSG_DONTWAIT,
               (const struct sockaddr *)to, len) < 0)
        return -errno;
    return 0;
}

/* The sender began with one of the values in use, the next one above. */
static unsigned
hopsOf(int left)
{
    static const int starts[] = {32, 64, 128, 255};

    for (size_t i = 0; left > 0 && i < sizeof(starts) / sizeof(starts[0]); i++)
        if (left <= starts[i])
            return (unsigned)(starts[i] - left + 1);
    return 0;
}

static int
hopLimitOf(struct msghdr *message)
{
    int value = 0;

    for (struct cmsghdr *it = CMSG_FIRSTHDR(message); it;
         it = CMSG_NXTHDR(message, it)) {
        bool isTtl = it->cmsg_level == IPPROTO_IP && it->cmsg_type == IP_TTL;
        bool isHops =
            it->cmsg_level == IPPROTO_IPV6 && it->cmsg_type == IPV6_HOPLIMIT;
        if ((isTtl || isHops) && it->cmsg_len >= CMSG_LEN(sizeof(value)))
            memcpy(&value, CMSG_DATA(it), sizeof(value));
    }
    return value;
}

/* Raw IPv4 comes with its IP header. */
static const unsigned char *
skipIpHead(const PingerIcmp *icmp, const unsigned char *data, size_t *len)
{
    size_t head = (size_t)(data[0] & 0x0f) * 4;

    if (!icmp->isRaw || icmp->family != AF_INET)
        return data;
    if (head < IPV4_HEAD_MIN || head > *len)
        return NULL;
    *len -= head;
    return data + head;
}

static bool
isOurs(const PingerIcmp *icmp, const unsigned char *data, size_t len)
{
    int type = icmp->family == AF_INET ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY;

    return len == MESSAGE_SIZE && data[AT_TYPE] == type && data[AT_CODE] == 0 &&
           (!icmp->isRaw || getShort(data + AT_ID) == icmp->id) &&
           !memcmp(data + HEAD_SIZE, icmp->cookie, sizeof(icmp->cookie));
}

int
pingerIcmpReceive(const PingerIcmp *icmp, PingerIcmpReply *replyOut)
{
    unsigned char data[256] = {0};
    union {
        char octets[256];
        struct cmsghdr align;
    } control;
    struct iovec iov = {data, sizeof(data)};
    struct msghdr message = {.msg_name = &replyOut->from,
                             .msg_namelen = sizeof(replyOut->from),
                             .msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control.octets,
                             .msg_controllen = sizeof(control.octets)};
    ssize_t n = recvmsg(icmp->fd, &message, MSG_DONTWAIT);
    const unsigned char *echo;
    size_t len;

    if (n < 0)
        return -errno;
    len = (size_t)n;
    echo = len ? skipIpHead(icmp, data, &len) : NULL;
    if (!echo || !isOurs(icmp, echo, len))
        return -EPROTO;
    replyOut->sequence = getShort(echo + AT_SEQUENCE);
    replyOut->hops = hopsOf(hopLimitOf(&message));
    return 0;
}
