#include <sallyport/diagnosis/hide_secret.hpp>

#include <utility>

#include <sallyport/proto/secret_text.hpp>

namespace sallyport::diagnosis {

void hide_secret(facts& known, std::string_view secret) {
    const auto hide = [secret](std::string& text) { text = proto::without_secret(std::move(text), secret); };
    hide(known.greeting);
    for (auto& each : known.features) hide(each);
    for (auto& each : known.phases) hide(each.detail);
    for (auto& each : known.methods)
        for (auto* const text : {&each.reply, &each.detail, &each.malformed}) hide(*text);
    for (auto& each : known.not_measured) hide(each);
}

}  // namespace sallyport::diagnosis
