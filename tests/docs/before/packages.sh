# Two packages in the folder `site`, and their sources.
mkdir drivers tools
printf '[version]\n' > drivers/network.inf
seq 500000 | head -c 3000000 > drivers/network.sys
printf 'echo installed\n' > tools/install.sh
dlcore publish drivers --package-id ABC00012 --version 3 --to site
dlcore publish tools --package-id ABC00013 --to site
