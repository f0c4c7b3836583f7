/*
 * pinger_icmp.h: ICMP echo to IPv4 and IPv6 addresses, by the sockets that
 * everybody may have (net.ipv4.ping_group_range) or by raw ones.
 * Errors are negative errno values. Thread: one.
 */
#ifndef SQUIRE_PINGER_ICMP_H
#define SQUIRE_PINGER_ICMP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define PINGER_ICMP_COOKIE 8

typedef struct PingerIcmp {
    int family; /* AF_INET or AF_INET6 */
    int fd;     /* -1: not open */
    bool isRaw;
    uint16_t id; /* ours, among those of a machine's raw sockets */
    unsigned char cookie[PINGER_ICMP_COOKIE];
} PingerIcmp;

/* One that came back. */
typedef struct PingerIcmpReply {
    struct sockaddr_storage from;
    uint16_t sequence;
    unsigned hops; /* 0: not known */
} PingerIcmpReply;

/* Open a socket for a family; fd stays -1 on failure. 0 or -errno. */
int pingerIcmpOpen(PingerIcmp *icmp, int family);

/* Close it, if it is open. */
void pingerIcmpClose(PingerIcmp *icmp);

/* Send one request; never blocks. 0 or -errno. */
int pingerIcmpSend(const PingerIcmp *icmp, const struct sockaddr_storage *to,
                   uint16_t sequence);

/* Take the next message there is. 0; -EAGAIN: there is none; -EPROTO: it
 * was no reply to a request of ours; or another -errno. */
int pingerIcmpReceive(const PingerIcmp *icmp, PingerIcmpReply *replyOut);

#endif
