/* Access lists: each kind by a table, then rules and complaints. */
#include "acl.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nearest.h"

#define WORDS_MAX 16

typedef struct Complaints {
    unsigned errors;
    unsigned warnings;
    char last[512];
} Complaints;

/* Words cut out of one text. */
typedef struct Words {
    char text[1024];
    const char *word[WORDS_MAX];
    size_t count;
} Words;

static void
cutWords(Words *words, const char *text)
{
    char *rest = NULL;

    memset(words, 0, sizeof(*words));
    snprintf(words->text, sizeof(words->text), "%s", text);
    for (char *at = strtok_r(words->text, " ", &rest); at;
         at = strtok_r(NULL, " ", &rest))
        words->word[words->count++] = at;
}

static void
onComplaint(AclSeverity severity, const char *text, void *data)
{
    Complaints *complaints = data;

    if (severity == ACL_ERROR)
        complaints->errors++;
    else
        complaints->warnings++;
    snprintf(complaints->last, sizeof(complaints->last), "%s", text);
}

/* text: "NAME KIND VALUE..." */
static int
addAcl(AclSet *set, const char *text, Complaints *complaints)
{
    Words words;
    AclLine line;

    cutWords(&words, text);
    line = (AclLine){words.word[0], words.word[1], words.word + 2,
                     words.count - 2, false};
    return aclSetAdd(set, &line, onComplaint, complaints);
}

/* text: "allow|deny [!]NAME..." */
static int
addRule(AclRules *rules, const AclSet *set, const char *text,
        Complaints *complaints)
{
    Words words;
    AclRuleLine line;

    cutWords(&words, text);
    line = (AclRuleLine){strcmp(words.word[0], "allow") == 0, words.word + 1,
                         words.count - 1, text, false};
    return aclRulesAdd(rules, set, &line, onComplaint, complaints);
}

static struct sockaddr_storage
addrOf(const char *text)
{
    struct sockaddr_storage addr = {0};
    struct sockaddr_in *in = (void *)&addr;
    struct sockaddr_in6 *in6 = (void *)&addr;

    if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
        addr.ss_family = AF_INET;
        in->sin_port = htons(3128);
    } else {
        cr_assert_eq(inet_pton(AF_INET6, text, &in6->sin6_addr), 1);
        addr.ss_family = AF_INET6;
        in6->sin6_port = htons(3128);
    }
    return addr;
}

/* What `allow x` answers when x is of that kind with those values. */
static AclAnswer
checkOne(const char *kindAndValues, const AclInput *input)
{
    Complaints complaints = {0};
    AclSet *set = aclSetCreate();
    AclRules *rules = aclRulesCreate();
    char text[1024];
    AclAnswer answer;

    snprintf(text, sizeof(text), "x %s", kindAndValues);
    cr_assert_eq(addAcl(set, text, &complaints), 0, "%s: %s", text,
                 complaints.last);
    cr_assert_eq(addRule(rules, set, "allow x", &complaints), 0);
    aclSetFreeze(set);
    answer = aclRulesCheck(rules, input);
    aclRulesDestroy(&rules);
    aclSetDestroy(&set);
    return answer;
}

typedef struct Case {
    const char *acl;
    const char *subject;
    bool match;
} Case;

static const Case addrCases[] = {
    {"10.0.0.0/8", "10.0.0.0", true},
    {"10.0.0.0/8", "10.255.255.255", true},
    {"10.0.0.0/8", "11.0.0.0", false},
    {"10.0.0.0/8", "9.255.255.255", false},
    {"10.0.0.0/255.255.0.0", "10.0.255.1", true},
    {"10.0.0.0/255.255.0.0", "10.1.0.1", false},
    {"192.168.1.7", "192.168.1.7", true},
    {"192.168.1.7", "192.168.1.8", false},
    {"0.0.0.1-0.255.255.255", "0.1.2.3", true},
    {"0.0.0.1-0.255.255.255", "1.0.0.0", false},
    {"0.0.0.1-0.255.255.255", "0.0.0.0", false},
    {"10.0.0.0-10.0.3.0/24", "10.0.3.200", true},
    {"10.0.0.0-10.0.3.0/24", "10.0.4.0", false},
    {"0.0.0.0/0", "255.255.255.255", true},
    {"0.0.0.0/0", "::2", false},
    {"::/0", "::2", true},
    {"::/0", "10.0.0.1", false},
    {"::/0", "::ffff:10.0.0.1", false},
    {"10.0.0.0/8", "::ffff:10.0.0.1", true},
    {"::ffff:10.0.0.1", "10.0.0.1", true},
    {"fe80::/10", "fe80::1", true},
    {"fe80::/10", "fec0::1", false},
    {"fc00::/7", "fdff::1", true},
    {"2001:db8::1-2001:db8::ff", "2001:db8::80", true},
    {"2001:db8::1-2001:db8::ff", "2001:db8::100", false},
    {"all", "127.0.0.1", true},
    {"all", "::1", true},
    {"ipv4", "::1", false},
    {"ipv6", "::1", true},
    {"none", "127.0.0.1", false},
    {"10.0.0.0/9 10.0.0.0/8 10.0.0.5 12.0.0.1", "10.200.0.1", true},
    {"10.0.0.0/9 10.0.0.0/8 10.0.0.5 12.0.0.1", "12.0.0.1", true},
    {"10.0.0.0/9 10.0.0.0/8 10.0.0.5 12.0.0.1", "11.0.0.1", false},
    {"5.0.0.0/8 1.0.0.0/8 3.0.0.0/8", "3.1.1.1", true},
    {"5.0.0.0/8 1.0.0.0/8 3.0.0.0/8", "4.1.1.1", false},
};

Test(acl, src_and_localip_compare_addresses)
{
    for (size_t i = 0; i < sizeof(addrCases) / sizeof(addrCases[0]); i++) {
        const Case *c = &addrCases[i];
        struct sockaddr_storage addr = addrOf(c->subject);
        AclInput client = {.client = (void *)&addr};
        AclInput local = {.local = (void *)&addr};
        AclAnswer want = c->match ? ACL_ALLOW : ACL_DENY;
        char text[256];

        snprintf(text, sizeof(text), "src %s", c->acl);
        cr_expect_eq(checkOne(text, &client), want, "%s / %s", text,
                     c->subject);
        snprintf(text, sizeof(text), "localip %s", c->acl);
        cr_expect_eq(checkOne(text, &local), want, "%s / %s", text, c->subject);
    }
}

Test(acl, an_unknown_client_matches_no_address)
{
    struct sockaddr local = {.sa_family = AF_UNIX};
    AclInput none = {0}, other = {.client = &local};

    cr_expect_eq(checkOne("src all", &none), ACL_DENY);
    cr_expect_eq(checkOne("src all", &other), ACL_DENY);
}

Test(acl, dst_of_a_literal_needs_no_lookup)
{
    AclInput in = {.host = "10.1.2.3"}, out = {.host = "2001:db8::1"};

    cr_expect_eq(checkOne("dst 10.0.0.0/8", &in), ACL_ALLOW);
    cr_expect_eq(checkOne("dst 10.0.0.0/8", &out), ACL_DENY);
}

Test(acl, dst_of_a_name_asks_for_its_addresses)
{
    struct sockaddr_storage addrs[2] = {addrOf("192.0.2.1"),
                                        addrOf("10.1.2.3")};
    AclInput input = {.host = "example.com", .dst = addrs};

    cr_expect_eq(checkOne("dst 10.0.0.0/8", &input), ACL_NEED_DST);
    input.dstKnown = true;
    cr_expect_eq(checkOne("dst 10.0.0.0/8", &input), ACL_DENY);
    input.dstCount = 1;
    cr_expect_eq(checkOne("dst 10.0.0.0/8", &input), ACL_DENY);
    input.dstCount = 2;
    cr_expect_eq(checkOne("dst 10.0.0.0/8", &input), ACL_ALLOW);
}

static const Case domainCases[] = {
    {"www.example.com", "www.example.com", true},
    {"www.example.com", "WWW.Example.COM", true},
    {"WWW.Example.COM", "www.example.com", true},
    {"www.example.com", "www.example.com.", true},
    {"www.example.com.", "www.example.com", true},
    {"www.example.com", "example.com", false},
    {"www.example.com", "a.www.example.com", false},
    {".example.com", "example.com", true},
    {".example.com", "a.b.example.com", true},
    {".example.com", "badexample.com", false},
    {".example.com", "example.com.evil.org", false},
    {".com", "example.com", true},
    {".com", "com", true},
    {".org .net .example.com", "www.example.com", true},
    {"127.0.0.1", "127.0.0.1", true},
    {".0.0.1", "127.0.0.2", false},
};

Test(acl, dstdomain_is_exact_or_a_suffix)
{
    for (size_t i = 0; i < sizeof(domainCases) / sizeof(domainCases[0]); i++) {
        const Case *c = &domainCases[i];
        AclInput input = {.host = c->subject};
        char text[256];

        snprintf(text, sizeof(text), "dstdomain -n %s", c->acl);
        cr_expect_eq(checkOne(text, &input), c->match ? ACL_ALLOW : ACL_DENY,
                     "%s / %s", text, c->subject);
    }
}

Test(acl, dstdomain_refuses_a_host_that_is_too_long)
{
    char host[600];
    AclInput input = {.host = host};

    memset(host, 'a', sizeof(host));
    memcpy(host + sizeof(host) - 5, ".com", 5);
    cr_expect_eq(checkOne("dstdomain .com", &input), ACL_DENY);
    input.host = "";
    cr_expect_eq(checkOne("dstdomain .com", &input), ACL_DENY);
    input.host = NULL;
    cr_expect_eq(checkOne("dstdomain .com", &input), ACL_DENY);
}

Test(acl, port_and_localport_take_ranges)
{
    struct sockaddr_storage local = addrOf("::1");
    AclInput input = {.port = 1025, .local = (void *)&local};

    cr_expect_eq(checkOne("port 80 1025-65535", &input), ACL_ALLOW);
    input.port = 1024;
    cr_expect_eq(checkOne("port 80 1025-65535", &input), ACL_DENY);
    input.port = 65535;
    cr_expect_eq(checkOne("port 80 1025-65535", &input), ACL_ALLOW);
    input.port = 65536;
    cr_expect_eq(checkOne("port 0-65535", &input), ACL_DENY);
    cr_expect_eq(checkOne("localport 3128", &input), ACL_ALLOW);
    cr_expect_eq(checkOne("localport 3129", &input), ACL_DENY);
}

static const Case regexCases[] = {
    {"ads", "http://example.com/ads/1", true},
    {"ads", "http://example.com/ADS/1", false},
    {"-i ads", "http://example.com/ADS/1", true},
    {"-i ads +i foo", "http://example.com/FOO", false},
    {"-i ads +i foo", "http://example.com/foo", true},
    {"^http://[^/]+/$", "http://example.com/", true},
    {"(a|b)c d", "http://x/bc", true},
    {"a)b", "http://x/a)b", true},
    {"q a)b z", "http://x/a)b", true},
    {"q a)b z", "http://x/ab)", false},
    {"q (.)\\1 z", "abc.w", false},
    {"q (.)\\1 z", "xx", true},
    {"w [)] v", "a)b", true},
    {"w [])(] v", "]", true},
    {"w [[:digit:])] v", "5", true},
    {"w [[:digit:])] v", "x", false},
    {"-- -i", "http://x/-i", true},
    {"\\.(gif|jpg)$ \\.png$", "http://x/a.png", true},
    {"\\.(gif|jpg)$ \\.png$", "http://x/a.png?", false},
};

Test(acl, url_regex_is_posix_extended)
{
    for (size_t i = 0; i < sizeof(regexCases) / sizeof(regexCases[0]); i++) {
        const Case *c = &regexCases[i];
        AclInput input = {.url = c->subject};
        char text[256];

        snprintf(text, sizeof(text), "url_regex %s", c->acl);
        cr_expect_eq(checkOne(text, &input), c->match ? ACL_ALLOW : ACL_DENY,
                     "%s / %s", text, c->subject);
    }
}

Test(acl, many_patterns_all_count)
{
    Complaints complaints = {0};
    AclSet *set = aclSetCreate();
    AclRules *rules = aclRulesCreate();
    char text[128];

    for (int i = 0; i < 2000; i++) {
        snprintf(text, sizeof(text), "x url_regex ^http://host%d\\.example/",
                 i);
        cr_assert_eq(addAcl(set, text, &complaints), 0);
    }
    cr_assert_eq(addRule(rules, set, "allow x", &complaints), 0);
    aclSetFreeze(set);
    for (int i = 0; i < 2000; i += 37) {
        AclInput input = {.url = text};

        snprintf(text, sizeof(text), "http://host%d.example/", i);
        cr_expect_eq(aclRulesCheck(rules, &input), ACL_ALLOW, "%s", text);
        snprintf(text, sizeof(text), "http://host%d.other/", i);
        cr_expect_eq(aclRulesCheck(rules, &input), ACL_DENY, "%s", text);
    }
    aclRulesDestroy(&rules);
    aclSetDestroy(&set);
}

Test(acl, other_texts_of_a_request)
{
    AclInput input = {.url = "http://Example.com/a/b?c",
                      .host = "Example.com",
                      .method = "GET",
                      .scheme = "HTTP",
                      .portName = "office"};

    cr_expect_eq(checkOne("urlpath_regex ^/a/b", &input), ACL_ALLOW);
    cr_expect_eq(checkOne("urlpath_regex xample", &input), ACL_DENY);
    cr_expect_eq(checkOne("dstdom_regex -i ^example", &input), ACL_ALLOW);
    cr_expect_eq(checkOne("dstdom_regex /a", &input), ACL_DENY);
    cr_expect_eq(checkOne("method POST GET", &input), ACL_ALLOW);
    cr_expect_eq(checkOne("method get", &input), ACL_ALLOW);
    cr_expect_eq(checkOne("proto http", &input), ACL_ALLOW);
    cr_expect_eq(checkOne("proto https ftp", &input), ACL_DENY);
    cr_expect_eq(checkOne("myportname office", &input), ACL_ALLOW);
    cr_expect_eq(checkOne("myportname home", &input), ACL_DENY);
}

static const Case escapeCases[] = {
    {"url_regex -i /BAD", "http://x/%62ad", true},
    {"url_regex -i /BAD", "http://x/%42%61%64", true},
    {"url_regex -i /BAD", "http://x%2fbad", true},
    {"url_regex /bad", "http://x/%6ead", false},
    {"url_regex secret", "http://x/s%65cret", true},
    {"url_regex %62", "http://x/%62ad", false},
    {"urlpath_regex ^/secret", "http://x/%73ecret", true},
    {"urlpath_regex ^/secret", "http://x/a/%73ecret", false},
    {"urlpath_regex ^/a/secret", "http://x/a%2Fsecre%74", true},
    {"urlpath_regex ^/a", "http://x%2fa/", false},
    {"urlpath_regex /bad$", "http://x/%00/ba%64", true},
    {"urlpath_regex ^/%00/", "http://x/%00/ba%64", true},
    {"urlpath_regex ^/%zzb$", "http://x/%zz%62", true},
    {"urlpath_regex ^/b%$", "http://x/%62%", true},
    {"urlpath_regex ^/b%6$", "http://x/%62%6", true},
    {"urlpath_regex ^/%bad$", "http://x/%%62ad", true},
    {"urlpath_regex ^/%62ad$", "http://x/%2562ad", true},
    {"urlpath_regex ^/bad$", "http://x/%2562ad", false},
    {"urlpath_regex ^/b.\\.$", "http://x/%62%ff%2e", true},
};

Test(acl, patterns_see_urls_without_escapes)
{
    for (size_t i = 0; i < sizeof(escapeCases) / sizeof(escapeCases[0]); i++) {
        const Case *c = &escapeCases[i];
        AclInput input = {.url = c->subject};

        cr_expect_eq(checkOne(c->acl, &input), c->match ? ACL_ALLOW : ACL_DENY,
                     "%s / %s", c->acl, c->subject);
    }
}

Test(acl, long_urls_with_escapes_are_seen_to_their_end)
{
    char url[32 * 1024];
    size_t len = (size_t)snprintf(url, sizeof(url), "http://x/");
    AclInput input = {.url = url};

    while (len + 4 < sizeof(url))
        len += (size_t)snprintf(url + len, sizeof(url) - len, "%%41");
    snprintf(url + len, sizeof(url) - len, "z");
    cr_expect_eq(checkOne("urlpath_regex ^/A+z$", &input), ACL_ALLOW);
}

Test(acl, names_of_hosts_are_looked_up_at_start)
{
    struct sockaddr_storage home = addrOf("127.0.0.1"),
                            other = addrOf("10.1.2.3");
    AclInput input = {.client = (void *)&home, .host = "127.0.0.1"};

    cr_expect_eq(checkOne("src localhost", &input), ACL_ALLOW);
    cr_expect_eq(checkOne("src 10.1.2.3 localhost", &input), ACL_ALLOW);
    cr_expect_eq(checkOne("dst localhost", &input), ACL_ALLOW);
    input = (AclInput){.client = (void *)&other, .host = "10.1.2.3"};
    cr_expect_eq(checkOne("src localhost", &input), ACL_DENY);
    cr_expect_eq(checkOne("dst localhost", &input), ACL_DENY);
}

/* Longer than a label can be: nobody is asked about it. */
#define NO_HOST                                                                \
    "x123456789012345678901234567890123456789012345678901234567890123456789."  \
    "invalid"

/* A rule that denies it would let everything pass. */
Test(acl, a_name_that_is_not_found_is_an_error)
{
    Complaints complaints = {0};
    AclSet *set = aclSetCreate();

    cr_expect_eq(addAcl(set, "x src " NO_HOST, &complaints), -EINVAL);
    cr_expect(strstr(complaints.last, "cannot be resolved"), "%s",
              complaints.last);
    aclSetDestroy(&set);
}

static const char *const wrongLines[] = {
    "x src 10.0.0.0/33",
    "x src 10.0.0.0/255.0.255.0",
    "x src 10.0.0",
    "x src -n example.com",
    "x src 10.0.0.1x",
    "x src example.com/24",
    "x src 10.0.0.9-10.0.0.1",
    "x src 10.0.0.9-::1",
    "x src ::1/129",
    "x src 10.0.0.0/",
    "x src 10.0.0.0/8/8",
    "x dst 300.1.1.1",
    "x port 65536",
    "x port 90-80",
    "x port http",
    "x port 80-",
    "x dstdomain http://example.com/",
    "x dstdomain *.example.com",
    "x dstdomain .",
    "x url_regex a(",
    "x url_regex [a",
    "x url_regex *a",
    "x method GE(T",
    "x sorc 1.1.1.1",
    "all port 80",
};

Test(acl, wrong_values_are_told)
{
    for (size_t i = 0; i < sizeof(wrongLines) / sizeof(wrongLines[0]); i++) {
        Complaints complaints = {0};
        AclSet *set = aclSetCreate();

        cr_expect_lt(addAcl(set, wrongLines[i], &complaints), 0, "%s",
                     wrongLines[i]);
        cr_expect_eq(complaints.errors, 1, "%s", wrongLines[i]);
        aclSetDestroy(&set);
    }
}

Test(acl, every_wrong_value_of_a_line_is_told)
{
    Complaints complaints = {0};
    AclSet *set = aclSetCreate();

    cr_expect_lt(addAcl(set, "x src 1a 1.2.3.4 :b 1.2.3.4/40", &complaints), 0);
    cr_expect_eq(complaints.errors, 3);
    cr_expect_eq(addAcl(set, "y src 10.1.2.3/8", &complaints), 0);
    cr_expect_eq(complaints.warnings, 1, "mask removes bits");
    aclSetDestroy(&set);
}

Test(acl, an_unknown_kind_is_told_with_the_nearest)
{
    Complaints complaints = {0};
    AclSet *set = aclSetCreate();

    addAcl(set, "x dstdomian .example.com", &complaints);
    cr_expect(strstr(complaints.last, "\"dstdomain\""), "%s", complaints.last);
    aclSetDestroy(&set);
}

Test(acl, a_kind_of_squid_is_an_error_only_when_used)
{
    Complaints complaints = {0};
    AclSet *set = aclSetCreate();
    AclRules *rules = aclRulesCreate();

    cr_expect_eq(addAcl(set, "work ssl::server_name x", &complaints), 0);
    cr_expect_eq(complaints.warnings, 1);
    cr_expect_lt(addRule(rules, set, "allow work", &complaints), 0);
    cr_expect_eq(complaints.errors, 1);
    cr_expect_eq(aclRulesCount(rules), 0);
    aclRulesDestroy(&rules);
    aclSetDestroy(&set);
}

Test(acl, a_rule_with_an_unknown_name_is_told_with_the_nearest)
{
    Complaints complaints = {0};
    AclSet *set = aclSetCreate();
    AclRules *rules = aclRulesCreate();

    cr_expect_lt(addRule(rules, set, "allow !localhots", &complaints), 0);
    cr_expect(strstr(complaints.last, "\"localhost\""), "%s", complaints.last);
    cr_expect_lt(addRule(rules, set, "allow", &complaints), 0);
    aclRulesDestroy(&rules);
    aclSetDestroy(&set);
}

/* The rules of Debian's squid.conf. */
static AclAnswer
checkDebian(const AclInput *input)
{
    static const char *const acls[] = {
        "SSL_ports port 443",
        "Safe_ports port 80",
        "Safe_ports port 443",
        "Safe_ports port 1025-65535",
    };
    static const char *const lines[] = {
        "deny !Safe_ports",        "deny CONNECT !SSL_ports",
        "allow localhost manager", "deny manager",
        "allow localhost",         "deny all",
    };
    Complaints complaints = {0};
    AclSet *set = aclSetCreate();
    AclRules *rules = aclRulesCreate();
    AclAnswer answer;

    for (size_t i = 0; i < sizeof(acls) / sizeof(acls[0]); i++)
        cr_assert_eq(addAcl(set, acls[i], &complaints), 0);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        cr_assert_eq(addRule(rules, set, lines[i], &complaints), 0);
    aclSetFreeze(set);
    answer = aclRulesCheck(rules, input);
    aclRulesDestroy(&rules);
    aclSetDestroy(&set);
    return answer;
}

Test(acl, the_first_rule_that_matches_decides)
{
    struct sockaddr_storage home = addrOf("127.0.0.1");
    struct sockaddr_storage away = addrOf("192.0.2.1");
    AclInput input = {.client = (void *)&home,
                      .method = "GET",
                      .port = 80,
                      .url = "http://example.com/"};

    cr_expect_eq(checkDebian(&input), ACL_ALLOW);
    input.port = 25;
    cr_expect_eq(checkDebian(&input), ACL_DENY, "not a safe port");
    input.port = 80;
    input.method = "CONNECT";
    cr_expect_eq(checkDebian(&input), ACL_DENY, "tunnel to port 80");
    input.port = 443;
    cr_expect_eq(checkDebian(&input), ACL_ALLOW);
    input.client = (void *)&away;
    cr_expect_eq(checkDebian(&input), ACL_DENY, "not from here");
}

static AclAnswer
checkRules(const char *const *lines, const AclInput *input)
{
    Complaints complaints = {0};
    AclSet *set = aclSetCreate();
    AclRules *rules = aclRulesCreate();
    AclAnswer answer;

    cr_assert_eq(addAcl(set, "get method GET", &complaints), 0);
    cr_assert_eq(addAcl(set, "ten dst 10.0.0.0/8", &complaints), 0);
    for (; *lines; lines++)
        cr_assert_eq(addRule(rules, set, *lines, &complaints), 0);
    aclSetFreeze(set);
    answer = aclRulesCheck(rules, input);
    aclRulesDestroy(&rules);
    aclSetDestroy(&set);
    return answer;
}

Test(acl, without_a_match_the_last_rule_is_turned_round)
{
    AclInput post = {.method = "POST"};

    cr_expect_eq(checkRules((const char *const[]){"allow get", NULL}, &post),
                 ACL_DENY);
    cr_expect_eq(checkRules((const char *const[]){"deny get", NULL}, &post),
                 ACL_ALLOW);
    cr_expect_eq(checkRules((const char *const[]){NULL}, &post), ACL_DENY);
    cr_expect_eq(aclRulesCheck(NULL, &post), ACL_DENY);
    cr_expect_eq(aclRulesCount(NULL), 0);
}

Test(acl, an_address_is_asked_for_only_when_it_matters)
{
    struct sockaddr_storage home = addrOf("127.0.0.1");
    AclInput get = {
        .client = (void *)&home, .method = "GET", .host = "example.com"};
    AclInput post = {
        .client = (void *)&home, .method = "POST", .host = "example.com"};
    const char *const lines[] = {"deny ten get", "allow all", NULL};
    const char *const turned[] = {"deny !ten", "allow all", NULL};
    const char *const before[] = {"allow get", "deny ten", NULL};

    cr_expect_eq(checkRules(lines, &get), ACL_NEED_DST);
    cr_expect_eq(checkRules(lines, &post), ACL_ALLOW,
                 "the other acl rules it out");
    cr_expect_eq(checkRules(before, &get), ACL_ALLOW, "decided before");
    cr_expect_eq(checkRules(turned, &get), ACL_NEED_DST);
    get.dstKnown = true;
    cr_expect_eq(checkRules(turned, &get), ACL_DENY, "lookup gave nothing");
}

Test(acl, manager_urls_are_built_in)
{
    const char *const lines[] = {"allow manager", NULL};
    AclInput input = {.url = "http://proxy:3128/squid-internal-mgr/menu"};

    cr_expect_eq(checkRules(lines, &input), ACL_ALLOW);
    input.url = "http://proxy:3128/x?squid-internal-mgr/";
    cr_expect_eq(checkRules(lines, &input), ACL_DENY);
}

Test(acl, values_may_come_after_the_rule)
{
    Complaints complaints = {0};
    AclSet *set = aclSetCreate();
    AclRules *rules = aclRulesCreate();
    AclInput input = {.port = 90};

    addAcl(set, "x port 80", &complaints);
    addRule(rules, set, "allow x", &complaints);
    addAcl(set, "x port 90", &complaints);
    aclSetFreeze(set);
    cr_expect_eq(aclRulesCheck(rules, &input), ACL_ALLOW);
    aclRulesDestroy(&rules);
    aclSetDestroy(&set);
}

static void
decideWith(const char *const *acls, const char *const *lines,
           const AclInput *input, AclDecision *decisionOut)
{
    Complaints complaints = {0};
    AclSet *set = aclSetCreate();
    AclRules *rules = aclRulesCreate();

    for (; *acls; acls++)
        cr_assert_eq(addAcl(set, *acls, &complaints), 0, "%s", complaints.last);
    for (; *lines; lines++)
        cr_assert_eq(addRule(rules, set, *lines, &complaints), 0);
    aclSetFreeze(set);
    aclRulesDecide(rules, input, decisionOut);
    /* What points into the set is not looked at by the callers. */
    aclRulesDestroy(&rules);
    aclSetDestroy(&set);
}

typedef struct ExternalCase {
    bool isAsked;
    AclVerdict verdict;
    AclAnswer answer;
    AclAnswer negated;
} ExternalCase;

/* "allow x", or "allow !x", where x asks a helper that said so. */
static AclAnswer
checkExternal(const ExternalCase *told, const char *line, bool *isUnknownOut)
{
    Complaints complaints = {0};
    AclSet *set = aclSetCreate();
    AclRules *rules = aclRulesCreate();
    AclFacts facts;
    AclInput input = {.method = "GET", .facts = &facts};
    AclDecision decision;

    aclFactsInit(&facts);
    cr_assert_eq(addAcl(set, "x external asker one -i two", &complaints), 0);
    cr_assert_eq(addRule(rules, set, line, &complaints), 0);
    aclSetFreeze(set);
    aclRulesDecide(rules, &input, &decision);
    cr_assert_eq(decision.answer, ACL_NEED_EXTERNAL);
    cr_assert_str_eq(decision.external->name, "x");
    cr_assert_str_eq(decision.external->helperClass, "asker");
    cr_assert_eq(decision.external->argCount, 3);
    cr_assert_str_eq(decision.external->args[1], "-i", "no flag");
    cr_assert_str_eq(decision.aclName, "x");
    if (told->isAsked)
        aclFactsSetAnswer(&facts, decision.external, told->verdict);
    aclRulesDecide(rules, &input, &decision);
    *isUnknownOut = decision.isUnknown;
    aclFactsForgetAnswers(&facts);
    cr_expect_eq(aclRulesCheck(rules, &input), ACL_NEED_EXTERNAL);
    aclFactsClear(&facts);
    aclRulesDestroy(&rules);
    aclSetDestroy(&set);
    return decision.answer;
}

Test(acl, a_helper_is_asked_and_its_answer_decides)
{
    static const ExternalCase told[] = {
        {false, 0, ACL_NEED_EXTERNAL, ACL_NEED_EXTERNAL},
        {true, ACL_VERDICT_YES, ACL_ALLOW, ACL_DENY},
        {true, ACL_VERDICT_NO, ACL_DENY, ACL_ALLOW},
        {true, ACL_VERDICT_UNKNOWN, ACL_DENY, ACL_DENY},
    };
    bool isUnknown;

    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
        cr_expect_eq(checkExternal(&told[i], "allow x", &isUnknown),
                     told[i].answer, "%zu", i);
        cr_expect_eq(checkExternal(&told[i], "allow !x", &isUnknown),
                     told[i].negated, "%zu", i);
        cr_expect_eq(isUnknown, told[i].verdict == ACL_VERDICT_UNKNOWN);
        if (told[i].verdict == ACL_VERDICT_UNKNOWN)
            cr_expect_eq(checkExternal(&told[i], "deny x", &isUnknown),
                         ACL_DENY, "a check that cannot be told is denied");
    }
}

Test(acl, helpers_are_asked_in_the_order_of_the_rule)
{
    static const char *const acls[] = {"x external asker", "ten dst 10.0.0.0/8",
                                       "get method GET", NULL};
    AclFacts facts = {.auth = ACL_AUTH_UNKNOWN};
    AclInput get = {.method = "GET", .host = "example.com", .facts = &facts};
    AclDecision decision;

    decideWith(acls, (const char *const[]){"deny x !all", NULL}, &get,
               &decision);
    cr_expect_eq(decision.answer, ACL_NEED_EXTERNAL,
                 "asked for what it does beside");
    decideWith(acls, (const char *const[]){"deny !get x", NULL}, &get,
               &decision);
    cr_expect_eq(decision.answer, ACL_ALLOW, "ruled out before");
    decideWith(acls, (const char *const[]){"deny ten x", NULL}, &get,
               &decision);
    cr_expect_eq(decision.answer, ACL_NEED_DST, "the address comes first");
    decideWith(acls, (const char *const[]){"deny x ten", NULL}, &get,
               &decision);
    cr_expect_eq(decision.answer, ACL_NEED_EXTERNAL);
}

Test(acl, notes_tags_and_users_are_compared)
{
    static const struct {
        const char *acl;
        bool matches;
    } rows[] = {
        {"note group staff", true},
        {"note group STAFF", false},
        {"note -i group STAFF", true},
        {"note group admins", true},
        {"note group", true},
        {"note group boss", false},
        {"note list b", false},
        {"note -m list b", true},
        {"note -m list d", false},
        {"note -m=; semi y", true},
        {"note room r1", true},
        {"note none", false},
        {"tag red", true},
        {"tag blue red", true},
        {"tag blue", false},
        {"ext_user al", true},
        {"ext_user AL", false},
        {"ext_user -i AL", true},
        {"ext_user REQUIRED", true},
        {"ext_user bo", false},
    };
    NoteList client;
    AclFacts facts;
    AclInput input = {.facts = &facts};
    AclInput nothing = {.method = "GET"};

    aclFactsInit(&facts);
    noteListInit(&client);
    facts.clientNotes = &client;
    noteListAdd(&client, "room", "r1");
    noteListAdd(&facts.notes, "group", "staff");
    noteListAdd(&facts.notes, "group", "admins");
    noteListAdd(&facts.notes, "list", "a,b,c");
    noteListAdd(&facts.notes, "semi", "x;y");
    aclFactsSetText(&facts.extTag, "red");
    aclFactsSetText(&facts.extUser, "al");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cr_expect_eq(checkOne(rows[i].acl, &input),
                     rows[i].matches ? ACL_ALLOW : ACL_DENY, "%s", rows[i].acl);
        cr_expect_eq(checkOne(rows[i].acl, &nothing), ACL_DENY, "%s",
                     rows[i].acl);
    }
    aclFactsClear(&facts);
    noteListClear(&client);
}

Test(note, lists_are_bounded_and_give_the_first)
{
    NoteList list;

    noteListInit(&list);
    cr_expect(noteListAdd(&list, "a", "1"));
    cr_expect(noteListAdd(&list, "b", "2"));
    cr_expect(noteListAdd(&list, "a", "3"));
    cr_expect_str_eq(noteListGet(&list, "a"), "1");
    noteListRemove(&list, "a");
    cr_expect_null(noteListGet(&list, "a"));
    cr_expect_str_eq(noteListGet(&list, "b"), "2");
    cr_expect(noteListAdd(&list, "b", "2"));
    cr_expect_eq(list.count, 1, "the same is not added again");
    for (unsigned i = 0; i < NOTE_MAX - 1; i++) {
        char value[16];
        snprintf(value, sizeof(value), "%u", i);
        cr_expect(noteListAdd(&list, "c", value));
    }
    cr_expect_not(noteListAdd(&list, "c", "one more"));
    cr_expect_eq(list.count, NOTE_MAX);
    noteListClear(&list);
    cr_expect_eq(list.count, 0);
}

Test(nearest, distance_counts_edits)
{
    cr_expect_eq(nearestDistance("port", "port"), 0);
    cr_expect_eq(nearestDistance("PORT", "port"), 0);
    cr_expect_eq(nearestDistance("prot", "port"), 1);
    cr_expect_eq(nearestDistance("por", "port"), 1);
    cr_expect_eq(nearestDistance("ports", "port"), 1);
    cr_expect_eq(nearestDistance("", "port"), 4);
    cr_expect_eq(nearestDistance("acl", "via"), 3);
}

Test(nearest, only_what_is_near_is_proposed)
{
    cr_expect_str_eq(nearestPick("htpp_port", NULL, "http_port"), "http_port");
    cr_expect_null(nearestPick("frobnicate", NULL, "http_port"));
    cr_expect_str_eq(nearestPick("cache_men", "cache_log", "cache_mem"),
                     "cache_mem");
    cr_expect_str_eq(nearestPick("cache_men", "cache_mem", "cache_log"),
                     "cache_mem");
}

Test(acl, users_are_matched_by_name_and_asked_for_first)
{
    static const struct {
        const char *acl;
        bool matches;
    } rows[] = {
        {"proxy_auth REQUIRED", true},      {"proxy_auth al", true},
        {"proxy_auth zoe al bob", true},    {"proxy_auth AL", false},
        {"proxy_auth -i zoe AL bob", true}, {"proxy_auth bob", false},
        {"proxy_auth_regex ^a", true},      {"proxy_auth_regex REQUIRED", true},
        {"proxy_auth_regex L$", false},     {"proxy_auth_regex -i L$", true},
    };
    AclFacts facts;
    AclInput input = {.facts = &facts};
    AclInput nothing = {.method = "GET"};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        aclFactsInit(&facts);
        cr_expect_eq(checkOne(rows[i].acl, &nothing), ACL_NEED_AUTH);
        cr_expect_eq(checkOne(rows[i].acl, &input), ACL_NEED_AUTH);
        facts.auth = ACL_AUTH_NONE;
        cr_expect_eq(checkOne(rows[i].acl, &input), ACL_DENY);
        facts.auth = ACL_AUTH_USER;
        aclFactsSetText(&facts.user, "al");
        cr_expect_eq(checkOne(rows[i].acl, &input),
                     rows[i].matches ? ACL_ALLOW : ACL_DENY, "%s", rows[i].acl);
        aclFactsClear(&facts);
    }
}
