#include <sallyport/diagnosis/hide_secret.hpp>

#include <utility>

#include <sallyport/proto/secret_text.hpp>

namespace sallyport::diagnosis {

void hide_secret(facts& known, std::string_view secret) {
    for_each_text(known, [secret](std::string& text) { text = proto::without_secret(std::move(text), secret); });
}

}  // namespace sallyport::diagnosis
