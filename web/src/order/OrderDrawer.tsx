export function OrderDrawer(_: { id: string; onClose: () => void; onPrevious?: () => void; onNext?: () => void }) {
  return null;
}
