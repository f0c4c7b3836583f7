/*
 * helper_ping.h: the datagrams between the proxy and a pinger, as described
 * in doc/helper-protocol.md. Pure; the same on every machine. Thread: any.
 */
#ifndef SQUIRE_HELPER_PING_H
#define SQUIRE_HELPER_PING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HELPER_PING_ASK_SIZE 24
#define HELPER_PING_ANSWER_SIZE 32

typedef struct HelperPing {
    struct sockaddr_storage addr; /* AF_INET or AF_INET6; no port, no scope */
    uint32_t sequence;
    uint32_t rttUs; /* of an answer */
    uint32_t hops;  /* of an answer; 0: not known */
} HelperPing;

/* Write a question. 0, or -EINVAL: an address of another family. */
int helperPingFormatAsk(const HelperPing *ping,
                        unsigned char out[HELPER_PING_ASK_SIZE]);

/* Write an answer. 0, or -EINVAL as above. */
int helperPingFormatAnswer(const HelperPing *ping,
                           unsigned char out[HELPER_PING_ANSWER_SIZE]);

/* Read a question. 0, or -EPROTO: it is none. */
int helperPingParseAsk(const unsigned char *data, size_t len,
                       HelperPing *pingOut);

/* Read an answer. 0, or -EPROTO: it is none. */
int helperPingParseAnswer(const unsigned char *data, size_t len,
                          HelperPing *pingOut);

#ifdef __cplusplus
}
#endif

#endif
