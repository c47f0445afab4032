#include <sallyport/gate/service.hpp>

#include <fmt/format.h>

#include <sallyport/base/log.hpp>

namespace sallyport::gate {

void service::backend_failed(backend_id id, const backend& where, const backend_failure& why) {
    const auto now = backends.failed(id, why.text(), net::clock::now());
    if (!now) return;
    const auto line = fmt::format("Backend {} is {}: {}", where.text(), name(*now), why.text());
    log::write(now == condition::down ? log::level::error : log::level::warning, {}, line);
}

void service::backend_answered(backend_id id, const backend& where, witness by, net::clock::duration after) {
    const auto now = backends.answered(id, by, after, net::clock::now());
    if (now) log::info({}, fmt::format("Backend {} is {} again", where.text(), name(*now)));
}

}  // namespace sallyport::gate
