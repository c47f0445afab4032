#include <sallyport/client/site_facts.hpp>

#include <algorithm>

namespace sallyport::client {

std::vector<proto::data_method> with_first(std::vector<proto::data_method> methods,
                                           std::optional<proto::data_method> first) {
    if (!first) return methods;
    const auto found = std::ranges::find(methods, *first);
    if (found != methods.end()) std::rotate(methods.begin(), found, found + 1);
    return methods;
}

std::optional<proto::data_method> method_after(std::optional<proto::data_method> known,
                                               const std::vector<proto::data_attempt>& attempts) {
    for (const auto& each : attempts) {
        if (!each.failure && each.target.port != 0) return each.method;
        if (each.failure && each.method == known) known.reset();
    }
    return known;
}

}  // namespace sallyport::client
