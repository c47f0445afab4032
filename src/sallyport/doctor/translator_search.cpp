#include <sallyport/doctor/translator_search.hpp>

#include <algorithm>
#include <chrono>
#include <vector>

#include <sallyport/base/translated_address.hpp>

namespace sallyport::doctor {

namespace {

using diagnosis::method_facts;
using diagnosis::method_result;

constexpr std::chrono::milliseconds name_wait(1200);

bool is_epsv_without_port(const method_facts& m) {
    return m.method == proto::data_method::epsv &&
           (m.result == method_result::verb_refused || m.result == method_result::verb_dropped);
}

}  // namespace

net::task<> find_translator(net::loop& loop, diagnosis::facts& into) {
    if (into.server.address.is_v4() || std::ranges::none_of(into.methods, is_epsv_without_port)) co_return;
    const auto found = co_await net::resolve(loop, "ipv4only.arpa", net::time_limit::within(name_wait));
    into.translated_server = ipv4_of_translated(into.server.address, found ? *found : std::vector<ip_address>());
}

}  // namespace sallyport::doctor
