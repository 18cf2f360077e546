import { Button } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useText } from "../text";
import { Title } from "../ui/Title";

/** What staff see at a merchant's page before they look at one. */
export function NoMerchant() {
  const t = useText();
  return (
    <div className="stack">
      <Title>{t.support.choose}</Title>
      <p className="muted">{t.support.chooseLead}</p>
      <div>
        <Button renderRoot={(props) => <Link {...props} to="/support" />}>{t.support.toDesk}</Button>
      </div>
    </div>
  );
}
