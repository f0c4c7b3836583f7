/*
 * address.h: socket addresses as text. IPv4 mapped into IPv6 is shown as
 * IPv4. Pure; thread: any.
 */
#ifndef SQUIRE_ADDRESS_H
#define SQUIRE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#define ADDRESS_TEXT_MAX 128 /* enough for any of the texts, with NUL */

/* "192.0.2.1", "2001:db8::1", a path; "-" for NULL and other kinds. Returns
 * the octets written without the NUL. */
size_t addressFormat(const struct sockaddr *addr, char out[ADDRESS_TEXT_MAX]);

/* The same with the port: "192.0.2.1:80", "[2001:db8::1]:80". */
size_t addressFormatPort(const struct sockaddr *addr,
                         char out[ADDRESS_TEXT_MAX]);

/* True for two places to listen at ("3128", "[::1]:3128") whose port is the
 * same, so that one may be in the way of the other. */
bool addressIsSamePort(const char *one, const char *other);

/* The port, or 0 where there is none. */
unsigned addressPort(const struct sockaddr *addr);

#endif
