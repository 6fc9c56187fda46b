"""The builder that a topology's ``build`` gets: it collects a world, and everything that is wrong with it.

Strings are accepted here, at the edge, and converted once; past the builder addresses are
``ipaddress`` objects. Nothing is raised before ``world()``, so that all problems come at once.
"""

from __future__ import annotations

from ipaddress import IPv4Network

from lab.describe.draft import Draft
from lab.describe.inclusion import Find, Part, TopologyRef
from lab.describe.kinds import checked
from lab.errors import ModelError, Problem, nearest
from lab.model.addresses import (
    BACKBONE,
    IAAS_SERVICES,
    MOST_ACCOUNTS,
    MOST_INTERNET_HOSTS,
    REGIONS,
    SERVICE_ENDPOINTS,
    gateway,
    internet_host,
    vsi_public,
)
from lab.model.endpoint import MOST_INSTANCES
from lab.model.plane import Plane, Policy
from lab.model.world import Account, Gateway, Host, HostKind, Instance, Nic, Route, World

DEFAULT = IPv4Network("0.0.0.0/0")
ON_THE_INTERNET = (HostKind.INTERNET, HostKind.ON_PREMISES)
"""Kinds whose public address is their own provider's."""


class Builder:
    """Collects accounts, hosts and instances in the order in which they are said."""

    def __init__(
        self, *, find: Find | None = None, draft: Draft | None = None, prefix: str = "", inside: tuple[str, ...] = ()
    ) -> None:
        """Start empty, or go on with ``draft``.

        Args:
            find: Finds parts that are included by name.
            prefix: Stands before the name of each host, appliance and instance.
            inside: The names of the topologies that are being told, the outermost first.
        """
        self._draft = Draft() if draft is None else draft
        self._find, self._prefix, self._inside = find, prefix, inside

    @checked
    def include(self, part: Part | TopologyRef, *, prefix: str = "") -> None:
        """Add everything that another topology says: ``b.include(topology("single_account", account="beta"))``.

        Args:
            part: A topology by name, or an object of its class.
            prefix: Put before the names of its hosts, appliances and instances, with a hyphen; accounts keep theirs.

        Raises:
            ModelError: No such topology, or one that includes itself.
        """
        if isinstance(part, TopologyRef):
            part = self._found(part)
        name = part.name or type(part).__name__
        if name in self._inside:
            way = " → ".join((*self._inside, name))
            raise ModelError(Problem(where=name, text=f"includes itself: {way}", hint="a part cannot hold its whole"))
        inner = self._named(prefix) if prefix else self._prefix
        part.tell(Builder(find=self._find, draft=self._draft, prefix=inner, inside=(*self._inside, name)))

    @checked
    def account(self, name: str, *, vrf: bool = False, service_endpoints: bool = False) -> Account:
        """Add an account; both switches are off by default, and service endpoints need VRF."""
        where, draft = f"accounts/{name}", self._draft
        draft.name(name, where, draft.accounts)
        if service_endpoints and not vrf:
            draft.wrong(where, "service endpoints need VRF", "vrf=True")
        draft.room(where, len(draft.accounts), MOST_ACCOUNTS, "accounts")
        account = Account(name=name, number=len(draft.accounts) + 1, vrf=vrf, service_endpoints=service_endpoints)
        draft.accounts[name] = account
        return account

    @checked
    def vsi(
        self,
        name: str,
        *,
        account: Account | str,
        private_route: bool = True,
        private_address: str | None = None,
        private_gateway: str | None = None,
        private_interface: str = "eth0",
        public_interface: str = "eth1",
        behind: Gateway | str | None = None,
    ) -> Host:
        """Add a VSI with a private and a public NIC; the default route leaves by the public one.

        Args:
            private_route: Whether the route to 166.9.0.0/16 stands (page, step 1).
            private_address: Address with prefix, such as ``10.64.0.2/26``; by default the account's next subnet.
            private_gateway: The router in that subnet; by default its first address.
            behind: The gateway appliance that is this router; by default it is the backbone's.
        """
        name = self._named(name)
        owner = self._owner(account, f"accounts/?/vsis/{name}/account")
        where = f"accounts/{owner.name}/vsis/{name}"
        self._draft.node_name(name, where)
        private = self._draft.private_nic(
            name, owner, where, name=private_interface, address=private_address, router=private_gateway
        )
        outside = vsi_public(1 + self._draft.count(HostKind.VSI))
        public = self._draft.nic(public_interface, Plane.PUBLIC, outside, gateway(outside), where)
        on_the_way = self._appliance(behind, owner, f"{where}/behind")
        nets = (BACKBONE, IAAS_SERVICES, *([SERVICE_ENDPOINTS] if private_route else []))
        return self._two_sided(name, HostKind.VSI, owner, (private, public), nets, where, behind=on_the_way)

    @checked
    def on_premises_host(
        self,
        name: str,
        *,
        account: Account | str,
        private_route: bool = True,
        private_address: str | None = None,
        private_gateway: str | None = None,
        private_interface: str = "eth0",
        public_interface: str = "eth1",
    ) -> Host:
        """Add a host of the customer's own site, which a Direct Link joins to the account's private network.

        Its default route and its resolver are on the internet. A Direct Link reaches the account's VSIs, not service
        endpoints, and it needs VRF. Arguments as for a VSI; the private gateway is the provider's end of the link.
        """
        name = self._named(name)
        owner = self._owner(account, f"accounts/?/on-premises/{name}/account")
        where = f"accounts/{owner.name}/on-premises/{name}"
        self._draft.node_name(name, where)
        if owner.name in self._draft.accounts and not owner.vrf:
            self._draft.wrong(where, "a Direct Link needs VRF", f'account("{owner.name}", vrf=True)')
        private = self._draft.private_nic(
            name, owner, where, name=private_interface, address=private_address, router=private_gateway
        )
        public = self._on_the_internet(public_interface, where)
        nets = (BACKBONE, *([SERVICE_ENDPOINTS] if private_route else []))
        return self._two_sided(name, HostKind.ON_PREMISES, owner, (private, public), nets, where)

    @checked
    def gateway_appliance(
        self,
        name: str,
        *,
        account: Account | str,
        permits_services: bool = True,
        private_address: str | None = None,
        private_gateway: str | None = None,
    ) -> Gateway:
        """Add an account's gateway appliance: it forwards between the VSIs ``behind`` it and the backbone.

        Args:
            permits_services: Whether its firewall lets packets for 166.8.0.0/14 pass.
            private_address: Its own address on the backbone, with prefix; by default in the account's next subnet.
            private_gateway: The backbone's router there; by default the subnet's first address.
        """
        name = self._named(name)
        owner = self._owner(account, f"accounts/?/gateways/{name}/account")
        where = f"accounts/{owner.name}/gateways/{name}"
        self._draft.node_name(name, where)
        nic = self._draft.private_nic(
            name, owner, where, name="backbone", address=private_address, router=private_gateway
        )
        made = Gateway(name=name, account=owner.name, nic=nic, permits_services=permits_services)
        self._draft.gateways[name] = made
        return made

    @checked
    def internet_host(self, name: str, *, account: Account | str | None = None) -> Host:
        """Add a host on the public internet; its user holds an API key of ``account`` (default: the first)."""
        name = self._named(name)
        where = f"hosts/{name}"
        self._draft.node_name(name, where)
        if account is None:
            account = next(iter(self._draft.accounts), "")
        owner = self._owner(account, f"{where}/account")
        nic = self._on_the_internet("eth0", where)
        routes = (Route(dst=DEFAULT, gateway=nic.gateway, interface=nic.name),)
        return self._draft.add(
            Host(name=name, kind=HostKind.INTERNET, account=owner.name, nics=(nic,), routes=routes, saved=routes)
        )

    @checked
    def crypto_instance(
        self,
        name: str,
        *,
        account: Account | str,
        region: str = "us-south",
        initialised: bool = True,
        policy: Policy | str | None = None,
    ) -> Instance:
        """Add a crypto instance; ``policy`` None leaves the default, public-and-private."""
        name, draft = self._named(name), self._draft
        where = f"instances/{name}"
        draft.name(name, where, draft.instances)
        draft.room(where, len(draft.instances), MOST_INSTANCES, "instances")
        owner = self._owner(account, f"{where}/account")
        if region not in REGIONS:
            draft.wrong(f"{where}/region", f"no region named {region!r}", nearest(region, REGIONS))
        setting: Policy | None = None
        try:
            setting = Policy(policy) if policy is not None else None
        except ValueError:
            known = [p.value for p in Policy]
            draft.wrong(f"{where}/policy", f"no policy named {policy!r}", nearest(str(policy), known))
        instance = Instance(
            name=name,
            number=len(draft.instances) + 1,
            account=owner.name,
            region=region,
            initialised=initialised,
            policy=setting,
        )
        draft.instances[name] = instance
        return instance

    def world(self) -> World:
        """Return the world.

        Raises:
            ModelError: Anything was wrong; all problems, each with its path.
        """
        return self._draft.world()

    def _named(self, name: str) -> str:
        """Return a name as it is in the world."""
        return f"{self._prefix}-{name}" if self._prefix else name

    def _found(self, part: TopologyRef) -> Part:
        if self._find is None:
            text = f"nobody here finds the topology {part.name!r} by its name"
            raise ModelError(Problem(where="include", text=text, hint="include an object of its class"))
        return self._find(part)

    def _owner(self, account: Account | str, where: str) -> Account:
        return self._draft.owner(account.name if isinstance(account, Account) else account, where)

    def _appliance(self, behind: Gateway | str | None, owner: Account, where: str) -> str | None:
        """Return the name of the appliance that is meant: a part's own, or else one of the whole."""
        if behind is None:
            return None
        said, known = behind.name if isinstance(behind, Gateway) else behind, self._draft.gateways
        name = self._named(said) if self._named(said) in known else said
        if (found := known.get(name)) is None:
            hint = nearest(said, known) or "add one with gateway_appliance(...)"
            self._draft.wrong(where, f"no gateway appliance named {said!r}", hint)
            return None
        if found.account != owner.name:
            hint = f"it forwards for {found.account} alone"
            self._draft.wrong(where, f"{name} is an appliance of {found.account}", hint)
        return name

    def _on_the_internet(self, interface: str, where: str) -> Nic:
        number = 1 + self._draft.count(*ON_THE_INTERNET)
        self._draft.room(where, number - 1, MOST_INTERNET_HOSTS, "internet hosts")
        address = internet_host(number)
        return self._draft.nic(interface, Plane.PUBLIC, address, gateway(address), where)

    def _two_sided(
        self,
        name: str,
        kind: HostKind,
        owner: Account,
        nics: tuple[Nic, Nic],
        nets: tuple[IPv4Network, ...],
        where: str,
        *,
        behind: str | None = None,
    ) -> Host:
        """Add a host that has ``nets`` on its private side and everything else on its public one."""
        private, public = nics
        if private.name == public.name:
            self._draft.wrong(f"{where}/public_interface", f"both NICs are named {public.name!r}", "")
        routes = [Route(dst=net, gateway=private.gateway, interface=private.name) for net in nets]
        routes.append(Route(dst=DEFAULT, gateway=public.gateway, interface=public.name))
        return self._draft.add(
            Host(
                name=name,
                kind=kind,
                account=owner.name,
                nics=nics,
                routes=tuple(routes),
                saved=tuple(routes),
                behind=behind,
            )
        )
