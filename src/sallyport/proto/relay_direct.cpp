// The relay machine's data connections that go past the gateway, straight between client and backend (G7, solution 1).

#include <sallyport/proto/host_port.hpp>
#include <sallyport/proto/relay_machine.hpp>

#include <string>

namespace sallyport::proto {

/// TLS ends here, and by EPSV the client would come here: who has no other method (IPv6, EPSV ALL) is relayed.
bool relay_machine::may_go_direct() const noexcept {
    const auto& n = negotiation_;
    if (!data_in_clear()) return false;
    if (is_active(n.asked)) {
        return settings_.direct.active && n.target.address.is_v4() == settings_.backend_peer.address.is_v4();
    }
    if (settings_.refused_behind.contains(data_method::pasv)) return false;
    return settings_.direct.passive && settings_.client_peer.address.is_v4() && !epsv_all_;
}

/// The backend is asked first for what the client can be told as it is; where it refuses, the data are relayed.
void relay_machine::try_direct() {
    auto& n = negotiation_;
    n.route = data_route::direct;
    if (!is_active(n.asked)) std::erase(n.behind, data_method::pasv);
    n.behind.insert(n.behind.begin(), n.asked);
}

void relay_machine::direct_agreed() {
    auto& n = negotiation_;
    const bool passive = !is_active(n.asked);
    const endpoint front = passive ? endpoint{settings_.direct.outside.value_or(n.named.address), n.named.port} : n.target;
    const std::string method(name(n.asked));
    if (passive && !settings_.direct.outside && !is_direct_for(settings_.client_peer.address, front.address)) {
        note(relay_note::refused, method + ' ' + front.text() + " of the backend: no address for " +
                                      settings_.client_peer.address.text() + ", so the data are relayed");
        n.route = data_route::relayed;
        return backend_leg_known();
    }
    stage_ = stage::open;
    note(relay_note::rewritten, method + ' ' + front.text() + ", past the gateway");
    channel_ = channel{n.route, {}, {}, n.asked, n.asked};
    if (passive) return answer(227, format_227(front));
    answer(200, method + " command successful.");
}

}  // namespace sallyport::proto
