/* store_id.c: the key of an answer, as helpers say. */
#include "store_id.h"

#include <string.h>

#include "http_url.h"

static void
parsePairs(const HelperReply *reply, HttpSlice asked, StoreIdAnswer *out)
{
    HttpSlice key = httpSliceText(helperReplyGet(reply, "store-id"));

    if (key.data == NULL || httpSliceEqual(key, asked))
        return;
    if (key.len == 0 || key.len > HTTP_URL_MAX)
        out->why = "gave a store-id that is empty or too long";
    else
        out->key = key;
}

void
storeIdParseReply(const HelperReply *reply, HttpSlice asked, StoreIdAnswer *out)
{
    *out = (StoreIdAnswer){.reply = reply};
    switch (reply->result) {
    case HELPER_OK:
        parsePairs(reply, asked, out);
        break;
    case HELPER_ERR:
        break;
    case HELPER_BH:
        out->why = "could not decide (BH)";
        break;
    default:
        out->why = "gave no OK, ERR or BH";
        break;
    }
}

static void
onAnswer(UrlCall *url, Asker *asker, const HelperReply *reply)
{
    StoreIdCall *call = (StoreIdCall *)(void *)url;
    StoreIdAnswer answer = {.isFailed = false};

    if (!askerIsAnswerless(reply)) {
        storeIdParseReply(reply, url->asked, &answer);
        if (answer.why != NULL)
            askerComplain(asker, answer.why, reply->text);
    } else {
        answer.isFailed = !call->bypass;
        askerComplain(asker, helperProtoResultName(reply->result),
                      reply->message);
    }
    call->cb(&answer, call->data);
}

int
storeIdSubmit(StoreIdCall *call, Asker *asker, const ConfigStoreId *config,
              const FormatInput *input)
{
    call->bypass = config->helper.bypass;
    return urlCallSubmit(&call->url, asker, config->extras.format, input,
                         onAnswer);
}
