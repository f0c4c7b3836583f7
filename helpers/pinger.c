/* pinger.c: tells the proxy how far away its origins are. */
#include "helper_ping.h"
#include "pinger_icmp.h"

#include <errno.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SLOTS 4096u /* requests on their way; a new one takes the oldest */
#define BATCH 64    /* datagrams taken before the others get their turn */
#define PARENT_CHECK_MS 2000

typedef struct Slot {
    HelperPing ping; /* with family 0: free */
    int64_t sentUs;
    uint16_t sequence;
} Slot;

typedef struct Pinger {
    PingerIcmp icmp[2]; /* IPv4, IPv6 */
    Slot slots[SLOTS];
    uint16_t sequence;
    pid_t parent;
} Pinger;

static int64_t
nowUs(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

/* Nothing is opened after this: no rights, no way to get any, and no user
 * but the one who started us. */
static int
dropRights(void)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
    uid_t uid = getuid();
    gid_t gid = getgid();

    if (setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
        return -errno;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        syscall(SYS_capset, &header, none) < 0)
        return -errno;
    return 0;
}

/* One family is enough; a machine may have only that. */
static int
openSockets(Pinger *pinger)
{
    int rc4 = pingerIcmpOpen(&pinger->icmp[0], AF_INET);
    int rc6 = pingerIcmpOpen(&pinger->icmp[1], AF_INET6);

    if (rc4 < 0)
        fprintf(stderr, "pinger: no ICMP for IPv4: %s\n", strerror(-rc4));
    if (rc6 < 0)
        fprintf(stderr, "pinger: no ICMP for IPv6: %s\n", strerror(-rc6));
    if (rc4 < 0 && rc6 < 0) {
        fprintf(stderr, "pinger: it needs a group in "
                        "net.ipv4.ping_group_range, or CAP_NET_RAW: "
                        "setcap cap_net_raw+ep on this program\n");
        return -EPERM;
    }
    return 0;
}

static void
ask(Pinger *pinger, const HelperPing *ping)
{
    bool is6 = ping->addr.ss_family == AF_INET6;
    uint16_t sequence = pinger->sequence++;
    Slot *slot = &pinger->slots[sequence % SLOTS];

    if (pinger->icmp[is6].fd < 0)
        return;
    *slot = (Slot){.ping = *ping, .sentUs = nowUs(), .sequence = sequence};
    if (pingerIcmpSend(&pinger->icmp[is6], &ping->addr, sequence) < 0)
        slot->ping.addr.ss_family = 0;
}

/* Take questions. 0, or -errno: the proxy is gone. What is no question is
 * dropped. */
static int
takeQuestions(Pinger *pinger)
{
    unsigned char data[HELPER_PING_ASK_SIZE + 1];
    HelperPing ping;

    for (int i = 0; i < BATCH; i++) {
        ssize_t n = recv(STDIN_FILENO, data, sizeof(data), MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return 0;
        if (n <= 0)
            return n < 0 ? -errno : -EPIPE;
        if (!helperPingParseAsk(data, (size_t)n, &ping))
            ask(pinger, &ping);
    }
    return 0;
}

static bool
isSameAddress(const struct sockaddr_storage *a,
              const struct sockaddr_storage *b)
{
    const struct sockaddr_in *a4 = (const void *)a, *b4 = (const void *)b;
    const struct sockaddr_in6 *a6 = (const void *)a, *b6 = (const void *)b;

    if (a->ss_family != b->ss_family)
        return false;
    return a->ss_family == AF_INET
               ? a4->sin_addr.s_addr == b4->sin_addr.s_addr
               : !memcmp(&a6->sin6_addr, &b6->sin6_addr, sizeof(a6->sin6_addr));
}

/* An answer that finds no room is lost like any datagram; 0 or -errno. */
static int
answer(Pinger *pinger, const PingerIcmpReply *reply)
{
    Slot *slot = &pinger->slots[reply->sequence % SLOTS];
    unsigned char data[HELPER_PING_ANSWER_SIZE];
    int64_t rttUs = nowUs() - slot->sentUs;

    if (slot->sequence != reply->sequence ||
        !isSameAddress(&slot->ping.addr, &reply->from))
        return 0;
    slot->ping.rttUs = rttUs < UINT32_MAX ? (uint32_t)rttUs : UINT32_MAX;
    slot->ping.hops = reply->hops;
    if (helperPingFormatAnswer(&slot->ping, data) < 0)
        return 0;
    slot->ping.addr.ss_family = 0;
    if (write(STDOUT_FILENO, data, sizeof(data)) < 0 && errno != EAGAIN &&
        errno != EINTR && errno != ENOBUFS)
        return -errno;
    return 0;
}

static int
takeReplies(Pinger *pinger, const PingerIcmp *icmp)
{
    PingerIcmpReply reply;
    int rc = 0;

    for (int i = 0; i < BATCH && !rc; i++) {
        int got = pingerIcmpReceive(icmp, &reply);
        if (got == -EAGAIN)
            return 0;
        if (!got)
            rc = answer(pinger, &reply);
    }
    return rc;
}

/* A datagram channel does not tell its end: whoever started us is looked
 * for while there is nothing to do. */
static int
turn(Pinger *pinger)
{
    struct pollfd entries[3] = {
        {.fd = STDIN_FILENO, .events = POLLIN},
        {.fd = pinger->icmp[0].fd, .events = POLLIN},
        {.fd = pinger->icmp[1].fd, .events = POLLIN},
    };
    int count = poll(entries, 3, PARENT_CHECK_MS);
    int rc = 0;

    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    if (count == 0)
        return getppid() == pinger->parent ? 0 : -EPIPE;
    for (int i = 0; i < 2 && !rc; i++)
        if (entries[i + 1].revents)
            rc = takeReplies(pinger, &pinger->icmp[i]);
    if (!rc && entries[0].revents)
        rc = takeQuestions(pinger);
    return rc;
}

int
main(void)
{
    static Pinger pinger;
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    int rc;

    pinger.parent = getppid();
    rc = openSockets(&pinger);
    sigaction(SIGPIPE, &ignore, NULL);
    if (rc < 0)
        return EXIT_FAILURE;
    rc = dropRights();
    if (rc < 0) {
        fprintf(stderr, "pinger: cannot give up rights: %s\n", strerror(-rc));
        return EXIT_FAILURE;
    }
    while (!rc)
        rc = turn(&pinger);
    pingerIcmpClose(&pinger.icmp[0]);
    pingerIcmpClose(&pinger.icmp[1]);
    return EXIT_SUCCESS;
}
