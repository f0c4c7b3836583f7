/* acl_facts.c: what is known about one request. */
#include "acl_facts.h"

#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

void
aclFactsInit(AclFacts *facts)
{
    memset(facts, 0, sizeof(*facts));
}

void
aclFactsClear(AclFacts *facts)
{
    free(facts->user);
    free(facts->extUser);
    free(facts->extLog);
    free(facts->extTag);
    free(facts->password);
    free(facts->message);
    noteListClear(&facts->notes);
    free(facts->answers);
    aclFactsInit(facts);
}

void
aclFactsSetText(char **field, const char *value)
{
    char *copy = value ? xstrdup(value) : NULL;

    free(*field);
    *field = copy;
}

static AclFact *
lookupFact(const AclFacts *facts, const AclExternal *external)
{
    for (size_t i = 0; i < facts->answerCount; i++)
        if (facts->answers[i].external == external)
            return &facts->answers[i];
    return NULL;
}

void
aclFactsSetAnswer(AclFacts *facts, const AclExternal *external,
                  AclVerdict verdict)
{
    AclFact *fact = lookupFact(facts, external);

    if (!fact) {
        facts->answers = xrealloc(facts->answers, (facts->answerCount + 1) *
                                                      sizeof(*facts->answers));
        fact = &facts->answers[facts->answerCount++];
    }
    *fact = (AclFact){external, verdict};
}

const AclVerdict *
aclFactsAnswer(const AclFacts *facts, const AclExternal *external)
{
    const AclFact *fact = lookupFact(facts, external);

    return fact ? &fact->verdict : NULL;
}

void
aclFactsForgetAnswers(AclFacts *facts)
{
    free(facts->answers);
    facts->answers = NULL;
    facts->answerCount = 0;
}

const char *
aclFactsUser(const AclFacts *facts)
{
    return facts->user ? facts->user : facts->extUser;
}
