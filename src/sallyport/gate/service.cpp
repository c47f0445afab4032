#include <sallyport/gate/service.hpp>

#include <fmt/format.h>

#include <sallyport/base/log.hpp>

namespace sallyport::gate {

void service::backend_failed(std::size_t index, const backend_failure& why) {
    const auto now = backends.failed(index, why.text(), net::clock::now());
    if (!now) return;
    const auto line = fmt::format("Backend {} is {}: {}", config.backends[index].text(), name(*now), why.text());
    log::write(now == condition::down ? log::level::error : log::level::warning, {}, line);
}

void service::backend_answered(std::size_t index, witness by, net::clock::duration after) {
    const auto now = backends.answered(index, by, after, net::clock::now());
    if (now) log::info({}, fmt::format("Backend {} is {} again", config.backends[index].text(), name(*now)));
}

}  // namespace sallyport::gate
