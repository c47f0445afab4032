// The relay machine's data connections that go past the gateway, straight between client and backend (G7, solution 1).

#include <sallyport/proto/host_port.hpp>
#include <sallyport/proto/relay_machine.hpp>

#include <string>

namespace sallyport::proto {

/// The backend is asked first for what the client can be told as it is; where it refuses, the data are relayed.
void relay_machine::try_direct() {
    auto& n = negotiation_;
    if (!is_active(n.client_method)) std::erase(n.behind, data_method::pasv);
    n.behind.insert(n.behind.begin(), n.client_method);
}

void relay_machine::direct_agreed() {
    auto& n = negotiation_;
    const bool passive = !is_active(n.client_method);
    n.path = choose_data_path(path_facts());  // the address in the 227 is known now
    const endpoint front =
        passive ? endpoint{backend_.direct.external_address.value_or(n.named.address), n.named.port} : n.target;
    const std::string method(name(n.client_method));
    if (n.path.path != data_path::direct) {
        note(relay_note::refused, method + ' ' + front.text() + " of the backend: no address for " +
                                      settings_.client_peer.address.text() + ", so the data are relayed");
        return backend_leg_known();
    }
    stage_ = stage::open;
    note(relay_note::rewritten, method + ' ' + front.text() + ", past the gateway");
    channel_ = channel{n.path, {}, {}, n.client_method, n.client_method};
    if (passive) return answer(227, format_227(front));
    const auto done = active_reply(n.client_method);
    answer(done.code, done.text);
}

}  // namespace sallyport::proto
