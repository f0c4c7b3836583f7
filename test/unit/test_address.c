/* test_address.c: addresses as text. */
#include "address.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

static void
check(const void *addr, const char *plain, const char *withPort)
{
    char out[ADDRESS_TEXT_MAX];

    cr_assert_eq(addressFormat(addr, out), strlen(plain));
    cr_assert_str_eq(out, plain);
    cr_assert_eq(addressFormatPort(addr, out), strlen(withPort));
    cr_assert_str_eq(out, withPort);
}

static struct sockaddr_in6
inet6(const char *text)
{
    struct sockaddr_in6 addr = {.sin6_family = AF_INET6,
                                .sin6_port = htons(443)};

    cr_assert_eq(inet_pton(AF_INET6, text, &addr.sin6_addr), 1);
    return addr;
}

Test(address, ipv4)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(80)};

    inet_pton(AF_INET, "192.0.2.1", &addr.sin_addr);
    check(&addr, "192.0.2.1", "192.0.2.1:80");
    cr_assert_eq(addressPort((const void *)&addr), 80);
}

Test(address, ipv6)
{
    struct sockaddr_in6 addr = inet6("2001:db8::1");

    check(&addr, "2001:db8::1", "[2001:db8::1]:443");
}

Test(address, mapped_ipv4_is_shown_as_ipv4)
{
    struct sockaddr_in6 addr = inet6("::ffff:192.0.2.1");

    check(&addr, "192.0.2.1", "192.0.2.1:443");
}

Test(address, unix_path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX, .sun_path = "/run/x"};

    check(&addr, "/run/x", "/run/x");
    memset(addr.sun_path, 'x', sizeof(addr.sun_path)); /* without a NUL */
    char out[ADDRESS_TEXT_MAX];
    cr_assert_eq(addressFormat((const void *)&addr, out),
                 sizeof(addr.sun_path));
}

Test(address, nothing)
{
    struct sockaddr_storage addr = {.ss_family = AF_UNSPEC};

    check(NULL, "-", "-");
    check(&addr, "-", "-");
    addr.ss_family = AF_UNIX;
    check(&addr, "-", "-");
}

Test(address, same_port_at_any_address)
{
    cr_expect(addressIsSamePort("3128", "127.0.0.1:3128"));
    cr_expect(addressIsSamePort("[::1]:3128", ":3128"));
    cr_expect_not(addressIsSamePort("3128", "3129"));
    cr_expect_not(addressIsSamePort("/run/a", "/run/b"));
}
