//! Groups that datagrams are sent to.

/// Gives a socket for datagrams of IP what has to do with groups.
macro_rules! multicast {
    ($ty:ident) => {
        impl<E: $crate::executor::HomeExecutor> $ty<E> {
            /// Joins the `group` of IPv4, on the interface with this address;
            /// [`UNSPECIFIED`](std::net::Ipv4Addr::UNSPECIFIED) is that which the system
            /// chooses.
            ///
            /// # Errors
            ///
            /// The system's, such as that of an address that is no group's.
            ///
            /// # Examples
            ///
            /// ```
            /// use async_op::SystemExecutor;
            /// use async_op::net::UdpSocket;
            /// use std::net::Ipv4Addr;
            ///
            /// # async fn example() -> std::io::Result<()> {
            /// let group = Ipv4Addr::new(239, 255, 17, 4);
            /// let member = UdpSocket::bind(&SystemExecutor, ([0, 0, 0, 0], 0).into())?;
            /// member.join_multicast_v4(group, Ipv4Addr::LOCALHOST)?;
            /// let port = member.local_addr()?.port();
            ///
            /// let sender = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
            /// sender.set_multicast_interface_v4(Ipv4Addr::LOCALHOST)?;
            /// sender.send_to("hello", (group, port).into()).await?;
            /// assert_eq!(member.receive(&mut [0; 16]).await?, 5);
            /// member.leave_multicast_v4(group, Ipv4Addr::LOCALHOST)?;
            /// # Ok(())
            /// # }
            /// # #[cfg(target_os = "linux")]
            /// # pollster::block_on(example()).unwrap();
            /// ```
            #[doc(alias = "join_group")]
            pub fn join_multicast_v4(
                &self,
                group: std::net::Ipv4Addr,
                interface: std::net::Ipv4Addr,
            ) -> std::io::Result<()> {
                self.options().join_multicast_v4(&group, &interface)
            }

            /// Joins the `group` of IPv6, on the interface with this number; 0 is that which
            /// the system chooses.
            ///
            /// # Errors
            ///
            /// The system's, such as that of an address that is no group's.
            ///
            /// # Examples
            ///
            /// ```no_run
            /// use async_op::SystemExecutor;
            /// use async_op::net::UdpSocket;
            ///
            /// # fn main() -> std::io::Result<()> {
            /// let member = UdpSocket::bind(&SystemExecutor, "[::]:5353".parse().unwrap())?;
            /// member.join_multicast_v6("ff02::fb".parse().unwrap(), 0)?;
            /// # Ok(())
            /// # }
            /// ```
            #[doc(alias = "join_group")]
            pub fn join_multicast_v6(
                &self,
                group: std::net::Ipv6Addr,
                interface: u32,
            ) -> std::io::Result<()> {
                self.options().join_multicast_v6(&group, interface)
            }

            /// Leaves the `group` of IPv4, joined on the same `interface`. A socket that is
            /// closed has left all.
            ///
            /// # Errors
            ///
            /// The system's, such as that of a group that the socket is not in.
            ///
            /// # Examples
            ///
            /// ```
            /// use async_op::SystemExecutor;
            /// use async_op::net::UdpSocket;
            /// use std::net::Ipv4Addr;
            ///
            /// # fn main() -> std::io::Result<()> {
            /// let group = Ipv4Addr::new(239, 255, 17, 4);
            /// let socket = UdpSocket::bind(&SystemExecutor, ([0, 0, 0, 0], 0).into())?;
            /// assert!(socket.leave_multicast_v4(group, Ipv4Addr::LOCALHOST).is_err());
            /// # Ok(())
            /// # }
            /// ```
            #[doc(alias = "leave_group")]
            pub fn leave_multicast_v4(
                &self,
                group: std::net::Ipv4Addr,
                interface: std::net::Ipv4Addr,
            ) -> std::io::Result<()> {
                self.options().leave_multicast_v4(&group, &interface)
            }

            /// Leaves the `group` of IPv6, joined on the same `interface`. A socket that is
            /// closed has left all.
            ///
            /// # Errors
            ///
            /// The system's, such as that of a group that the socket is not in.
            ///
            /// # Examples
            ///
            /// ```no_run
            /// use async_op::SystemExecutor;
            /// use async_op::net::UdpSocket;
            ///
            /// # let group = "ff02::fb".parse().unwrap();
            /// let member = UdpSocket::bind(&SystemExecutor, "[::]:5353".parse().unwrap())?;
            /// member.join_multicast_v6(group, 0)?;
            /// member.leave_multicast_v6(group, 0)?;
            /// # Ok::<(), std::io::Error>(())
            /// ```
            #[doc(alias = "leave_group")]
            pub fn leave_multicast_v6(
                &self,
                group: std::net::Ipv6Addr,
                interface: u32,
            ) -> std::io::Result<()> {
                self.options().leave_multicast_v6(&group, interface)
            }

            /// Says from which interface datagrams go to groups of IPv4: that with this
            /// address. At first it is that which the system chooses.
            ///
            /// # Errors
            ///
            /// The system's, if there is no such interface.
            ///
            /// # Examples
            ///
            /// ```
            /// use async_op::SystemExecutor;
            /// use async_op::net::UdpSocket;
            /// use std::net::Ipv4Addr;
            ///
            /// let socket = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
            /// socket.set_multicast_interface_v4(Ipv4Addr::LOCALHOST)?;
            /// assert_eq!(socket.multicast_interface_v4()?, Ipv4Addr::LOCALHOST);
            /// # Ok::<(), std::io::Error>(())
            /// ```
            #[doc(alias = "set_multicast_if_v4")]
            pub fn set_multicast_interface_v4(
                &self,
                interface: std::net::Ipv4Addr,
            ) -> std::io::Result<()> {
                self.options().set_multicast_if_v4(&interface)
            }

            /// Returns the address of the interface from which datagrams go to groups of IPv4.
            ///
            /// # Errors
            ///
            /// The system's.
            ///
            /// # Examples
            ///
            /// ```
            /// use async_op::SystemExecutor;
            /// use async_op::net::UdpSocket;
            /// use std::net::Ipv4Addr;
            ///
            /// let socket = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
            /// assert_eq!(socket.multicast_interface_v4()?, Ipv4Addr::UNSPECIFIED);
            /// # Ok::<(), std::io::Error>(())
            /// ```
            #[doc(alias = "multicast_if_v4")]
            pub fn multicast_interface_v4(&self) -> std::io::Result<std::net::Ipv4Addr> {
                self.options().multicast_if_v4()
            }

            /// Says from which interface datagrams go to groups of IPv6: that with this
            /// number. 0 is that which the system chooses.
            ///
            /// # Errors
            ///
            /// The system's, if there is no such interface.
            ///
            /// # Examples
            ///
            /// ```
            /// use async_op::SystemExecutor;
            /// use async_op::net::UdpSocket;
            ///
            /// # if std::net::UdpSocket::bind("[::1]:0").is_err() { return Ok(()) }
            /// let socket = UdpSocket::bind(&SystemExecutor, "[::1]:0".parse().unwrap())?;
            /// socket.set_multicast_interface_v6(0)?;
            /// assert_eq!(socket.multicast_interface_v6()?, 0);
            /// # Ok::<(), std::io::Error>(())
            /// ```
            #[doc(alias = "set_multicast_if_v6")]
            pub fn set_multicast_interface_v6(&self, interface: u32) -> std::io::Result<()> {
                self.options().set_multicast_if_v6(interface)
            }

            /// Returns the number of the interface from which datagrams go to groups of IPv6.
            ///
            /// # Errors
            ///
            /// The system's, for a socket of IPv4.
            ///
            /// # Examples
            ///
            /// ```
            /// use async_op::SystemExecutor;
            /// use async_op::net::UdpSocket;
            ///
            /// # if std::net::UdpSocket::bind("[::1]:0").is_err() { return Ok(()) }
            /// let socket = UdpSocket::bind(&SystemExecutor, "[::1]:0".parse().unwrap())?;
            /// assert_eq!(socket.multicast_interface_v6()?, 0);
            /// # Ok::<(), std::io::Error>(())
            /// ```
            #[doc(alias = "multicast_if_v6")]
            pub fn multicast_interface_v6(&self) -> std::io::Result<u32> {
                self.options().multicast_if_v6()
            }

            /// Says whether members of a group of IPv4 on this machine get what the socket
            /// sends to it; at first they do. On Windows it is the member's own socket that
            /// this is set on.
            ///
            /// # Errors
            ///
            /// The system's.
            ///
            /// # Examples
            ///
            /// ```
            /// use async_op::SystemExecutor;
            /// use async_op::net::UdpSocket;
            ///
            /// let socket = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
            /// socket.set_multicast_loop_v4(false)?;
            /// assert!(!socket.multicast_loop_v4()?);
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn set_multicast_loop_v4(&self, is_on: bool) -> std::io::Result<()> {
                self.options().set_multicast_loop_v4(is_on)
            }

            /// Returns whether members of a group of IPv4 on this machine get what the socket
            /// sends to it.
            ///
            /// # Errors
            ///
            /// The system's.
            ///
            /// # Examples
            ///
            /// ```
            /// use async_op::SystemExecutor;
            /// use async_op::net::UdpSocket;
            ///
            /// let socket = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
            /// assert!(socket.multicast_loop_v4()?);
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn multicast_loop_v4(&self) -> std::io::Result<bool> {
                self.options().multicast_loop_v4()
            }

            /// Says whether members of a group of IPv6 on this machine get what the socket
            /// sends to it, as [`set_multicast_loop_v4`](Self::set_multicast_loop_v4) does.
            ///
            /// # Errors
            ///
            /// The system's, for a socket of IPv4.
            ///
            /// # Examples
            ///
            /// ```
            /// use async_op::SystemExecutor;
            /// use async_op::net::UdpSocket;
            ///
            /// # if std::net::UdpSocket::bind("[::1]:0").is_err() { return Ok(()) }
            /// let socket = UdpSocket::bind(&SystemExecutor, "[::1]:0".parse().unwrap())?;
            /// socket.set_multicast_loop_v6(false)?;
            /// assert!(!socket.multicast_loop_v6()?);
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn set_multicast_loop_v6(&self, is_on: bool) -> std::io::Result<()> {
                self.options().set_multicast_loop_v6(is_on)
            }

            /// Returns whether members of a group of IPv6 on this machine get what the socket
            /// sends to it.
            ///
            /// # Errors
            ///
            /// The system's, for a socket of IPv4.
            ///
            /// # Examples
            ///
            /// ```
            /// use async_op::SystemExecutor;
            /// use async_op::net::UdpSocket;
            ///
            /// # if std::net::UdpSocket::bind("[::1]:0").is_err() { return Ok(()) }
            /// let socket = UdpSocket::bind(&SystemExecutor, "[::1]:0".parse().unwrap())?;
            /// assert!(socket.multicast_loop_v6()?);
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn multicast_loop_v6(&self) -> std::io::Result<bool> {
                self.options().multicast_loop_v6()
            }

            /// Sets how many routers a datagram to a group of IPv4 may pass; at first it is 1,
            /// and none leaves the network.
            ///
            /// # Errors
            ///
            /// The system's, such as that of a number beyond 255.
            ///
            /// # Examples
            ///
            /// ```
            /// use async_op::SystemExecutor;
            /// use async_op::net::UdpSocket;
            ///
            /// let socket = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
            /// socket.set_multicast_ttl_v4(16)?;
            /// assert_eq!(socket.multicast_ttl_v4()?, 16);
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn set_multicast_ttl_v4(&self, ttl: u32) -> std::io::Result<()> {
                let ttl = $crate::net::options::signed(ttl);
                self.options().set_multicast_ttl_v4(ttl)
            }

            /// Returns how many routers a datagram to a group of IPv4 may pass.
            ///
            /// # Errors
            ///
            /// The system's.
            ///
            /// # Examples
            ///
            /// ```
            /// use async_op::SystemExecutor;
            /// use async_op::net::UdpSocket;
            ///
            /// let socket = UdpSocket::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
            /// assert_eq!(socket.multicast_ttl_v4()?, 1);
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn multicast_ttl_v4(&self) -> std::io::Result<u32> {
                self.options().multicast_ttl_v4()
            }

            /// Sets how many routers a datagram to a group of IPv6 may pass; at first it is 1,
            /// and none leaves the network.
            ///
            /// # Errors
            ///
            /// The system's, for a socket of IPv4 or a number beyond 255.
            ///
            /// # Examples
            ///
            /// ```
            /// use async_op::SystemExecutor;
            /// use async_op::net::UdpSocket;
            ///
            /// # if std::net::UdpSocket::bind("[::1]:0").is_err() { return Ok(()) }
            /// let socket = UdpSocket::bind(&SystemExecutor, "[::1]:0".parse().unwrap())?;
            /// socket.set_multicast_hops_v6(16)?;
            /// assert_eq!(socket.multicast_hops_v6()?, 16);
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn set_multicast_hops_v6(&self, hops: u32) -> std::io::Result<()> {
                let hops = $crate::net::options::signed(hops);
                self.options().set_multicast_hops_v6(hops)
            }

            /// Returns how many routers a datagram to a group of IPv6 may pass.
            ///
            /// # Errors
            ///
            /// The system's, for a socket of IPv4.
            ///
            /// # Examples
            ///
            /// ```
            /// use async_op::SystemExecutor;
            /// use async_op::net::UdpSocket;
            ///
            /// # if std::net::UdpSocket::bind("[::1]:0").is_err() { return Ok(()) }
            /// let socket = UdpSocket::bind(&SystemExecutor, "[::1]:0".parse().unwrap())?;
            /// assert_eq!(socket.multicast_hops_v6()?, 1);
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn multicast_hops_v6(&self) -> std::io::Result<u32> {
                self.options().multicast_hops_v6()
            }
        }
    };
}

pub(super) use multicast;
